"""A MobileNet for inference: stem, blocks of separable convolutions and head in one call."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register

_ops = torch.ops.pyface3d
_PANEL = 32  # columns of a matrix that lie together


def mobilenet(
    images: Tensor,
    weights: Tensor,
    channels: Sequence[int],
    strides: Sequence[int],
    sums: int = 0,
    kept: Sequence[int] = (),
) -> tuple[Tensor, ...]:
    """MobileNetV1 (Howard et al. 2017, "MobileNets", table 1) with BatchNorm folded into its convolutions.

    The stem is a 3x3 convolution with ReLU; each block a 3x3 convolution channel by channel with ReLU, then a 1x1
    convolution with ReLU; all are padded by one pixel of zeros. The head is a linear function of the means over the
    last map's places, or of weighted sums over them. There is no gradient: it is for deployed networks and a few
    pictures, where calling a convolution takes longer than computing it.

    Args:
        images: (B, H, W, 3) network input, channels last.
        weights: (W,) of all layers, one after the other: :func:`pack_layer` of each.
        channels: of the map behind each layer and of the head's output, multiples of 16.
        strides: of the 3x3 convolution of the stem and of each block, 1 or 2.
        sums: weighted sums of each channel that the head is a function of; 0: means.
        kept: layers in order, 0 for the stem, whose maps are answered too.

    Returns:
        (B, D) the head's output, and the map (B, H', W', C) of each layer kept.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or channels, strides, sums or kept are others.

    Example:
        >>> import torch
        >>> from pyface3d import ops
        >>> from pyface3d.ops.mobilenet import pack_layer
        >>> stem = pack_layer(torch.ones(16, 3, 3, 3), torch.zeros(16))
        >>> head = pack_layer(torch.ones(16, 16, 1, 1), torch.ones(16))
        >>> ops.mobilenet(torch.ones(1, 4, 4, 3), torch.cat([stem, head]), [16, 16], [2])[0][0, :2]
        tensor([301., 301.])
    """
    answer = _ops.mobilenet.default(images, weights, list(channels), list(strides), sums, list(kept))
    if not kept:
        return (answer.view(images.shape[0], channels[-1]),)
    shapes = [*_kept_shapes(images, channels, strides, kept), (images.shape[0], channels[-1])]
    parts = answer.split([math.prod(shape) for shape in shapes])
    *maps, output = (part.view(shape) for part, shape in zip(parts, shapes))
    return (output, *maps)


def _kept_shapes(
    images: Tensor, channels: Sequence[int], strides: Sequence[int], kept: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """(B, H', W', C) of the layers kept."""
    height, width, shapes = images.shape[1], images.shape[2], []
    for count, stride in zip(channels, strides):
        height, width = (height - 1) // stride + 1, (width - 1) // stride + 1
        shapes.append((images.shape[0], height, width, count))
    return [shapes[layer] for layer in kept]


def pack_layer(matrix: Tensor, bias: Tensor, *before: Tensor) -> Tensor:
    """The weights of a layer as :func:`mobilenet` reads them, from those of its convolutions.

    Args:
        matrix: (D, 3, 3, 3) of the stem, (D, C, 1, 1) of a block's 1x1 convolution or of the head; with weighted sums
            (D, C, S, 1).
        bias: (D,).
        before: of a block the weights (C, 1, 3, 3) and bias (C,) of its convolution channel by channel; of a head with
            weighted sums their weights (C, S, H, W).

    Returns:
        (W,) what comes before, by places, with channels last; the matrix by 32 outputs, of each group the rows
        (R, 32); and the bias.

    Example:
        >>> pack_layer(torch.zeros(32, 16, 1, 1), torch.zeros(32), torch.zeros(16, 1, 3, 3), torch.zeros(16)).shape
        torch.Size([704])
    """
    rows = matrix.permute(2, 3, 1, 0).flatten(0, 2)  # (R, D)
    gathering = [part.permute(2, 3, 1, 0).flatten() if part.dim() == 4 else part for part in before]
    return torch.cat([*gathering, *(panel.flatten() for panel in rows.split(_PANEL, 1)), bias])


def _fake(
    images: Tensor,
    weights: Tensor,
    channels: Sequence[int],
    strides: Sequence[int],
    sums: int = 0,
    kept: Sequence[int] = (),
) -> Any:
    maps = (math.prod(shape) for shape in _kept_shapes(images, channels, strides, kept))
    return images.new_empty((sum(maps, images.shape[0] * channels[-1]),))


register("mobilenet", _fake)
