"""Smoothness of a mesh: its vertices against the mean of their neighbors."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register, save_inputs

_ops = torch.ops.pyface3d


def laplacian_smoothness(
    vertices: Tensor,
    offsets: Tensor,
    neighbors: Tensor,
    weights: Tensor | None = None,
    vertex_weights: Tensor | None = None,
) -> Tensor:
    """Squared Laplacian of each face, summed over its vertices: a penalty of bumps (Sorkine et al. 2004, eq. 1).

    ``sum_n q_n |sum_e w_e (V_j(e) - V_n)|^2`` over the entries ``e`` of vertex n in the mesh's table, which stands the
    same for all faces: :func:`pyface3d.morphable.build_laplacian` makes it once, with uniform or cotangent weights.
    Forward and backward gather from neighbors; neither writes an intermediate that grows with B.

    Args:
        vertices: (B, N, 3) float32 or float64, any unit; differentiable.
        offsets: int32 (N + 1,), rises from 0 to E: the entries of vertex n are ``offsets[n]`` to ``offsets[n + 1]``.
        neighbors: int32 (E,), the vertex that each entry names. Whoever names n is named by n, once each: the backward
            reads the row of n as its column, which is not checked.
        weights: (E,), the same both ways (not checked either); a constant. None: ones.
        vertex_weights: (N,), the weight q of each vertex; a constant. None: ones.

    Returns:
        (B,) sums, in the squared unit of the vertices.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, ``offsets`` do not rise from 0 to E, or a neighbor
            is out of range.
        ValueError: an argument that counts as constant requires a gradient.

    Example:
        >>> import torch, pyface3d
        >>> line = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [2.0, 0.0, 0.0]]])
        >>> offsets, neighbors = torch.tensor([0, 1, 3, 4]).int(), torch.tensor([1, 0, 2, 1]).int()
        >>> pyface3d.ops.laplacian_smoothness(line, offsets, neighbors)  # |(1, 1)|^2 + |(0, -2)|^2 + |(-1, 1)|^2
        tensor([8.])
    """
    for name, tensor in {"weights": weights, "vertex_weights": vertex_weights}.items():
        if tensor is not None and tensor.requires_grad:
            raise ValueError(f"laplacian_smoothness: {name} counts as a constant but requires a gradient; detach it")
    return _ops.laplacian_smoothness.default(vertices, offsets, neighbors, weights, vertex_weights)


def _fake(vertices: Tensor, *table: Any) -> Tensor:
    return vertices.new_empty(vertices.shape[0])


def _backward(ctx: Any, saved: tuple[Any, ...], grad_loss: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[0]
    return _ops.laplacian_smoothness_backward.default(grad_loss, *saved) if wanted else None, *(None,) * 4


register("laplacian_smoothness", _fake, save_inputs, _backward, like(1))
