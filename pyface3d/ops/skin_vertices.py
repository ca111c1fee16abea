"""Linear blend skinning of vertices."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register, save_inputs

_ops = torch.ops.pyface3d


def skin_vertices(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Moves each vertex by the weighted mean of its joints' transforms: ``V' = sum_j w_j A_j (V, 1)``.

    Linear blend skinning as SMPL and FLAME have it (Loper et al. 2015, "SMPL", eq. 7; Li et al. 2017, "Learning a
    model of facial shape and expression from 4D scans", eq. 1). The blended matrices of the vertices are never written.

    Args:
        vertices: (B, N, 3) float32 or float64, at rest.
        weights: (J, N), of each joint; a vertex's sum to one. Without gradient: they are the rig's.
        transforms: (B, J, 3, 4), from a vertex at rest to where each joint alone would carry it.

    Returns:
        (B, N, 3).

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.

    Example:
        >>> import torch, pyface3d
        >>> still, lifted = torch.eye(3, 4), torch.eye(3, 4)
        >>> lifted[1, 3] = 1.0
        >>> weights = torch.tensor([[1.0, 0.5], [0.0, 0.5]])  # the second vertex belongs to both joints
        >>> pyface3d.ops.skin_vertices(torch.zeros(1, 2, 3), weights, torch.stack([still, lifted])[None])[0, :, 1]
        tensor([0.0000, 0.5000])
    """
    return _ops.skin_vertices.default(vertices, weights, transforms)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, ...]:
    want_vertices, _, want_transforms = ctx.needs_input_grad
    grads = _ops.skin_vertices_backward.default(grad_out, *saved, want_vertices, want_transforms)
    return grads[0] if want_vertices else None, None, grads[1] if want_transforms else None


def _backward_fake(
    grad_out: Tensor, vertices: Tensor, weights: Tensor, transforms: Tensor, want_vertices: bool, want_transforms: bool
) -> tuple[Tensor, Tensor]:
    grad_vertices = vertices.new_empty(vertices.shape if want_vertices else 0)
    return grad_vertices, transforms.new_empty(transforms.shape if want_transforms else 0)


register("skin_vertices", like(0), save_inputs, _backward, _backward_fake)
