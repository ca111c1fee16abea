"""Vertices from position maps."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register, save_inputs

_ops = torch.ops.pyface3d


def sample_position_map(maps: Tensor, uv: Tensor) -> Tensor:
    """Reads position maps bilinearly at points of the chart, the same points for every face.

    Texel centers lie at integers: column ``u (V - 1)``, row ``(1 - v)(U - 1)``, as the maps of face3d and PRNet. It is
    ``torch.nn.functional.grid_sample`` with ``align_corners=True`` and ``padding_mode="border"``, on coordinates
    ``2 uv - 1`` with v turned over. A NaN coordinate gives NaN.

    Args:
        maps: (B, 3, U, V) float32 or float64.
        uv: (N, 2) in [0, 1], v up, dtype and device of ``maps``; outside, the border is repeated.

    Returns:
        (B, N, 3), in the units of the maps.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or a map without texels.

    Example:
        >>> import torch, pyface3d
        >>> pyface3d.ops.sample_position_map(torch.rand(2, 3, 64, 64), torch.rand(5, 2)).shape
        torch.Size([2, 5, 3])
    """
    return _ops.sample_position_map.default(maps, uv)


def _fake(maps: Tensor, uv: Tensor) -> Tensor:
    return maps.new_empty((maps.shape[0], uv.shape[0], 3))


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, Tensor | None]:
    want_maps, want_uv = ctx.needs_input_grad
    grads = _ops.sample_position_map_backward.default(grad_out, *saved, want_maps, want_uv)
    return grads[0] if want_maps else None, grads[1] if want_uv else None


def _backward_fake(grad_out: Tensor, maps: Tensor, uv: Tensor, want_maps: bool, want_uv: bool) -> tuple[Tensor, Tensor]:
    return maps.new_empty(maps.shape if want_maps else 0), uv.new_empty(uv.shape if want_uv else 0)


register("sample_position_map", _fake, save_inputs, _backward, _backward_fake)
