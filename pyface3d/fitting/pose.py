"""Weak-perspective pose of known 3-D points from their 2-D images, in closed form."""

import torch
from torch import Tensor

from pyface3d.camera import compose_pose


def fit_pose(shape: Tensor, points: Tensor, weights: Tensor | None = None, ridge: float = 1e-3) -> Tensor:
    """The pose that takes 3-D points to their 2-D images.

    The weighted least-squares affine camera A (2x3) is found from second moments; the nearest scaled rotation is its
    polar factor: the first two rows of R are (A A^T)^(-1/2) A, the third is their cross product. f and t are the
    least-squares ones of R; t_z, which no image shows, is zero.

    Args:
        shape: (B, L, 3) points in the model frame.
        points: (B, L, 2) their images, y up.
        weights: (B, L), not negative; ones where left out. A point of weight zero may hold anything finite.
        ridge: added to the second moments of the shape, in units of its mean square radius; keeps a handful of nearly
            coplanar points solvable at the cost of a bias of R of that order. Zero is exact.

    Returns:
        (B, 3, 4) [f R | t]. Differentiable.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> shape = torch.randn(1, 68, 3)
        >>> fit_pose(shape, 3 * shape[..., :2]).shape
        torch.Size([1, 3, 4])
    """
    if shape.ndim != 3 or shape.shape[-1] != 3 or points.shape != (*shape.shape[:2], 2):
        got = f"{tuple(shape.shape)} and {tuple(points.shape)}"
        raise ValueError(f"fit_pose: shape must be (B, L, 3) and points (B, L, 2), got {got}")
    weights = torch.ones_like(points[..., 0]) if weights is None else weights
    share = (weights / weights.sum(1, keepdim=True))[..., None]  # (B, L, 1)
    shape_center, points_center = (share * shape).sum(1), (share * points).sum(1)
    shape, points = shape - shape_center[:, None], points - points_center[:, None]
    moments = (share * shape).mT @ shape  # (B, 3, 3)
    radius = moments.diagonal(dim1=1, dim2=2).mean(1)
    moments = moments + ridge * radius[:, None, None] * torch.eye(3, dtype=moments.dtype, device=moments.device)
    affine = torch.linalg.solve(moments, (share * shape).mT @ points).mT  # (B, 2, 3)
    rows = _polar(affine)
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    image = shape @ rows.mT  # (B, L, 2) at scale one; A's own scale is too small by the ridge
    scale = (share * image * points).sum((1, 2)) / (share * image.square()).sum((1, 2))
    offset = points_center - scale[:, None] * (rows @ shape_center[..., None])[..., 0]
    return compose_pose(scale, rotation, torch.cat([offset, 0 * offset[:, :1]], 1))


def _polar(affine: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows (B, 2, 3); the 2x2 square root has a closed form."""
    square = affine @ affine.mT
    root_det = (square[:, 0, 0] * square[:, 1, 1] - square[:, 0, 1] ** 2).clamp(min=0).sqrt()
    trace = square[:, 0, 0] + square[:, 1, 1]
    eye = torch.eye(2, dtype=affine.dtype, device=affine.device)
    root = (square + root_det[:, None, None] * eye) / (trace + 2 * root_det).sqrt()[:, None, None]
    return torch.linalg.solve(root, affine)
