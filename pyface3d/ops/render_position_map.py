"""Position maps from vertices."""

from typing import Any, Protocol

import torch
from torch import Tensor

from pyface3d.ops._registration import register

_ops = torch.ops.pyface3d


class Gather(Protocol):
    """What the op needs of a :class:`pyface3d.UVAtlas`: the texels' gather and its transpose."""

    corners: Tensor  # (U, V, 3) int32 vertex ids
    barycentrics: Tensor  # (U, V, 3) float32
    reader_offsets: Tensor  # (N + 1,) int32
    reader_texels: Tensor  # (E,) int32
    reader_weights: Tensor  # (E,) float32


def render_position_map(vertices: Tensor, atlas: Gather) -> Tensor:
    """Writes each face's vertices into the texels of its UV chart (PRNet's position map; Feng et al. 2018, 3.1).

    The layout is rasterized once, in the atlas; here every texel is the barycentric mix of three vertices. The backward
    is the transposed gather, in a fixed order: the same bits for any number of threads. Texels without one are 0.

    Args:
        vertices: (B, N, 3) float32 or float64, N the atlas' number of vertices; any units, typically crop pixels.
        atlas: a :class:`pyface3d.UVAtlas`, on the device of ``vertices``.

    Returns:
        (B, 3, U, V), the coordinates as channels, in the units of ``vertices``.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.

    Example:
        >>> import pyface3d
        >>> model = pyface3d.MorphableModel.default()
        >>> atlas = pyface3d.UVAtlas.from_model(model, size=64)
        >>> pyface3d.ops.render_position_map(model.mean[None], atlas).shape
        torch.Size([1, 3, 64, 64])
    """
    return _ops.render_position_map.default(
        vertices, atlas.corners, atlas.barycentrics, atlas.reader_offsets, atlas.reader_texels, atlas.reader_weights
    )


def _fake(vertices: Tensor, corners: Tensor, *gather: Tensor) -> Tensor:
    return vertices.new_empty((vertices.shape[0], 3, corners.shape[0], corners.shape[1]))


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _backward(ctx: Any, saved: tuple[Any, ...], grad_maps: Tensor) -> tuple[Tensor | None, ...]:
    return _ops.render_position_map_backward.default(grad_maps, *saved), None, None, None, None, None


def _backward_fake(grad_maps: Tensor, corners: Tensor, weights: Tensor, offsets: Tensor, *rest: Tensor) -> Tensor:
    return grad_maps.new_empty((grad_maps.shape[0], offsets.shape[0] - 1, 3))


register("render_position_map", _fake, _setup_context, _backward, _backward_fake, promotes=False)
