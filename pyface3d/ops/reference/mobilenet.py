"""Plain-torch MobileNet."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

_PANEL = 32


def mobilenet(
    images: Tensor,
    weights: Tensor,
    channels: Sequence[int],
    strides: Sequence[int],
    sums: int = 0,
    kept: Sequence[int] = (),
) -> tuple[Tensor, ...]:
    """Convolutions with ReLU and a head: (B, H, W, 3), (W,) -> (B, D) and maps; weights as ``ops.mobilenet`` has."""
    x, depth, maps = images.permute(0, 3, 1, 2), 27, []
    for i, (count, stride) in enumerate(zip(channels, strides)):
        if i:
            depth = channels[i - 1]
            taps, bias, weights = weights.tensor_split((9 * depth, 10 * depth))
            taps = taps.view(3, 3, depth).permute(2, 0, 1)[:, None]
            x = conv2d(x, taps, bias, stride, 1, groups=depth).relu()
        rows, bias, weights = _matrix(weights, depth, count)
        kernel = rows.T[:, :, None, None] if i else rows.view(3, 3, 3, count).permute(3, 2, 0, 1)
        x = conv2d(x, kernel, bias, 1 if i else stride, 0 if i else 1).relu()
        maps += [x.permute(0, 2, 3, 1)] if i in kept else []
    x = x.flatten(2)  # (B, C, P)
    at = x.shape[1] * x.shape[2] * sums
    if sums:
        x = torch.einsum("bcp,psc->bsc", x, weights[:at].view(x.shape[2], sums, x.shape[1])).flatten(1)
    else:
        x = x.mean(2)
    rows, bias, _ = _matrix(weights[at:], x.shape[1], channels[-1])
    return (x @ rows + bias, *maps)


def _matrix(weights: Tensor, depth: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix (R, D) of its panels, the bias, and the weights behind them."""
    panels, bias, rest = weights.tensor_split((depth * count, (depth + 1) * count))
    sides = [min(_PANEL, count - first) for first in range(0, count, _PANEL)]
    return torch.cat([part.view(depth, -1) for part in panels.split([depth * side for side in sides])], 1), bias, rest
