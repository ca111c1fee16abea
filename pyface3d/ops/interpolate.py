"""Vertex attributes at the pixels of a rasterized mesh."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register, save_inputs

_ops = torch.ops.pyface3d


def interpolate(attributes: Tensor, triangle_ids: Tensor, barycentrics: Tensor, triangles: Tensor) -> Tensor:
    """Blends the attributes of a pixel's three corners with its barycentric coordinates.

    ``triangles`` may be another table than the one rasterized, with a row for each of its triangles: UV coordinates
    (T, 2) are interpolated with the UV triangles. Gradients reach the attributes and the barycentrics, and through
    these (``rasterize``) the vertices.

    Args:
        attributes: (B, N, C), or (N, C) shared by all faces; float32 or float64.
        triangle_ids: (B, H, W) int32 of ``rasterize``.
        barycentrics: (B, H, W, 3) of ``rasterize``, the dtype of ``attributes``.
        triangles: (F, 3) int64 rows of attribute indices.

    Returns:
        (B, H, W, C), 0 where there is no triangle.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or an index is out of range.

    Example:
        >>> import torch, pyface3d
        >>> corners = torch.tensor([[[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 3.0, 1.0]]])
        >>> table = torch.tensor([[0, 1, 2]])
        >>> ids, barycentrics, _ = pyface3d.ops.rasterize(corners, table, 4, 4)
        >>> pyface3d.ops.interpolate(corners[..., :2], ids, barycentrics, table)[0, 1, 1].tolist()
        [1.0, 1.0]
    """
    return _ops.interpolate.default(attributes, triangle_ids, barycentrics, triangles)


def _fake(attributes: Tensor, triangle_ids: Tensor, barycentrics: Tensor, triangles: Tensor) -> Tensor:
    return attributes.new_empty((*barycentrics.shape[:3], attributes.shape[-1]))


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, ...]:
    attributes, _, barycentrics, _ = ctx.needs_input_grad
    grads = _ops.interpolate_backward.default(grad_out, *saved, attributes, barycentrics)
    return grads[0] if attributes else None, None, grads[1] if barycentrics else None, None


def _backward_fake(grad_out: Tensor, attributes: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    _, barycentrics, _, want_attributes, want_barycentrics = others
    grad_attributes = attributes.new_empty(attributes.shape if want_attributes else 0)
    return grad_attributes, barycentrics.new_empty(barycentrics.shape if want_barycentrics else 0)


register("interpolate", _fake, save_inputs, _backward, _backward_fake)
