"""Weak-perspective projection of vertices."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register, save_inputs

_ops = torch.ops.pyface3d


def project_weak_perspective(vertices: Tensor, pose: Tensor) -> Tensor:
    """Applies ``[f R | t]`` to each face's vertices: ``V' = M V + t``.

    The projection of the 3DMM literature (Zhu et al. 2016, "Face Alignment Across Large Poses", eq. 2), kept
    three-dimensional with (B, 3, 4), or its first two rows ``f Pr R S + t2d`` with (B, 2, 4).

    Args:
        vertices: (B, N, 3) float32 or float64, in the model's units.
        pose: (B, 3, 4) or (B, 2, 4), ``[f R | t]``, in pixels per unit and pixels.

    Returns:
        (B, N, 3), or (B, N, 2) for a (B, 2, 4) pose, in pixels.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.

    Example:
        >>> import torch, pyface3d
        >>> pose = torch.eye(3, 4).expand(2, 3, 4)
        >>> pyface3d.ops.project_weak_perspective(torch.rand(2, 5, 3), pose).shape
        torch.Size([2, 5, 3])
    """
    return _ops.project_weak_perspective.default(vertices, pose)


def _fake(vertices: Tensor, pose: Tensor) -> Tensor:
    return vertices.new_empty((vertices.shape[0], vertices.shape[1], pose.shape[1]))


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, Tensor | None]:
    want_vertices, want_pose = ctx.needs_input_grad
    grads = _ops.project_weak_perspective_backward.default(grad_out, *saved, want_vertices, want_pose)
    return grads[0] if want_vertices else None, grads[1] if want_pose else None


def _backward_fake(
    grad_out: Tensor, vertices: Tensor, pose: Tensor, want_vertices: bool, want_pose: bool
) -> tuple[Tensor, Tensor]:
    grad_vertices = vertices.new_empty(vertices.shape if want_vertices else 0)
    return grad_vertices, pose.new_empty(pose.shape if want_pose else 0)


register("project_weak_perspective", _fake, save_inputs, _backward, _backward_fake)
