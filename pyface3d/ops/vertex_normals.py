"""Unit normals at the vertices of a mesh."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d


def vertex_normals(vertices: Tensor, triangles: Tensor, incidence: Tensor | None = None) -> Tensor:
    """Area-weighted vertex normals: the normalized sum of ``(v1 - v0) x (v2 - v0)`` over the triangles at a vertex.

    They point outward for triangles that wind counter-clockwise seen from outside, in a right-handed frame (y up); in
    an image frame (y down) the same table gives inward normals.

    Args:
        vertices: (B, N, 3) float32 or float64, any unit.
        triangles: (F, 3) int64 rows of vertex indices.
        incidence: (N + 1 + 3 F,) int32 table of the same triangles, by :func:`pyface3d.morphable.build_incidence`,
            which spares CUDA its making at each call; None: made in this one. It changes no bit; a table of other
            triangles gives other normals. The CPU does without.

    Returns:
        (B, N, 3) unit vectors; 0 at vertices without a triangle of positive area. A triangle with a vertex that is
        not finite counts for nothing.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or an index is out of range.

    Example:
        >>> import torch, pyface3d
        >>> corners = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> pyface3d.ops.vertex_normals(corners, torch.tensor([[0, 1, 2]]))[0, 0].tolist()
        [0.0, 0.0, 1.0]
    """
    want_grad = torch.is_grad_enabled() and vertices.requires_grad
    return _ops.vertex_normals.default(vertices, triangles, incidence, want_grad)[0]


def _fake(
    vertices: Tensor, triangles: Tensor, incidence: Tensor | None, want_grad: bool
) -> tuple[Tensor, Tensor, Tensor]:
    words = vertices.shape[1] + 1 + 3 * triangles.shape[0] if want_grad and incidence is None else 0
    lengths = vertices.new_empty(vertices.shape[:2] if want_grad else 0)
    return vertices.new_empty(vertices.shape), lengths, vertices.new_empty(words, dtype=torch.int32)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    normals, inverse_lengths, made = output
    vertices, triangles, given, _ = inputs
    ctx.save_for_backward(normals, inverse_lengths, made if given is None else given, vertices, triangles)


def _backward(
    ctx: Any, saved: tuple[Any, ...], grad_normals: Tensor | None, *_: None
) -> tuple[Tensor | None, None, None, None]:
    wanted = grad_normals is not None and ctx.needs_input_grad[0]
    return _ops.vertex_normals_backward.default(grad_normals, *saved) if wanted else None, None, None, None


register("vertex_normals", _fake, _setup_context, _backward, like(0))
