"""Perspective projection of vertices by a pinhole camera."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register, save_inputs

_ops = torch.ops.pyface3d


def project_perspective(vertices: Tensor, pose: Tensor, intrinsics: Tensor) -> Tensor:
    """Projects each face's vertices through its pinhole camera: ``q = K (R V + t)``, seen at ``q_xy / q_z``.

    The finite projective camera of Hartley and Zisserman ("Multiple View Geometry", 2004, eq. 6.8), in OpenCV's frame:
    x right, y down, z forward. The third coordinate is the inverse depth: it grows towards the viewer and is linear
    along straight lines of the picture, so that :func:`rasterize` takes the result as it is.

    Args:
        vertices: (B, N, 3) float32 or float64, in the model's units.
        pose: (B, 3, 4), ``[R | t]`` from the model frame to the camera's; R may hold a scale.
        intrinsics: (B, 3, 3) camera matrices ``K``, from the camera's frame to homogeneous pixels; its last row is
            0, 0, 1 of any real camera.

    Returns:
        (B, N, 3): x, y in pixels, y down, and 1 / depth in the unit of t. Points in the camera's plane are infinite;
        those behind it have a negative inverse depth.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.

    Example:
        >>> import torch, pyface3d
        >>> pose = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 50]])  # looks at the origin from 50 units
        >>> camera = torch.tensor([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]])
        >>> pyface3d.ops.project_perspective(torch.zeros(1, 1, 3), pose[None], camera[None]).flatten().tolist()[:2]
        [320.0, 240.0]
    """
    return _ops.project_perspective.default(vertices, pose, intrinsics)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, ...]:
    want_vertices, want_pose, want_intrinsics = ctx.needs_input_grad
    grad_vertices, grad_camera = _ops.project_perspective_backward.default(
        grad_out, *saved, want_vertices, want_pose or want_intrinsics
    )
    _, pose, intrinsics = saved
    return (
        grad_vertices if want_vertices else None,
        (intrinsics[..., None] * grad_camera[:, :, None]).sum(1) if want_pose else None,  # K^T grad_M
        (grad_camera[:, :, None] * pose[:, None]).sum(3) if want_intrinsics else None,  # grad_M [R | t]^T
    )


def _backward_fake(
    grad_out: Tensor, vertices: Tensor, pose: Tensor, intrinsics: Tensor, want_vertices: bool, want_camera: bool
) -> tuple[Tensor, Tensor]:
    grad_vertices = vertices.new_empty(vertices.shape if want_vertices else 0)
    return grad_vertices, pose.new_empty(pose.shape if want_camera else 0)


register("project_perspective", like(0), save_inputs, _backward, _backward_fake)
