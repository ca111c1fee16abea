"""Normalized mean error (NME): the distance between predicted and true points over the size of the face, in
percent.
"""

import torch
from torch import Tensor

from pyface3d.landmarks import box_size

DEPTH_ALIGNMENTS = ("none", "min", "mean")

__all__ = ["align_depth", "box_size", "normalized_mean_error", "outer_interocular"]


def outer_interocular(points: Tensor) -> Tensor:
    """Distance between the outer corners of the eyes (iBUG points 37 and 46, counted from 1), in the dimension of the
    points.

    Args:
        points: (B, 68, D).

    Returns:
        (B,).
    """
    return (points[:, 36] - points[:, 45]).norm(dim=-1)


def align_depth(points: Tensor, how: str) -> Tensor:
    """Removes the free offset of depth that weak perspective leaves.

    Which offset is removed moves a 3-D error by more than one percent, so it has a name: ``"min"`` subtracts the
    least z (2DASL's MATLAB), ``"mean"`` the mean z (SADRNet, PRNet's PyTorch ports), ``"none"`` nothing.

    Args:
        points: (B, N, 3).
        how: ``"none"``, ``"min"`` or ``"mean"``.

    Returns:
        (B, N, 3).

    Raises:
        ValueError: for an unknown name.
    """
    if how not in DEPTH_ALIGNMENTS:
        raise ValueError(f"align_depth: how must be one of {', '.join(DEPTH_ALIGNMENTS)}, got {how!r}")
    if how == "none":
        return points
    depth = points[..., 2:]
    offset = depth.amin(1, keepdim=True) if how == "min" else depth.mean(1, keepdim=True)
    return torch.cat([points[..., :2], depth - offset], -1)


def normalized_mean_error(predicted: Tensor, target: Tensor, size: Tensor, visible: Tensor | None = None) -> Tensor:
    """NME of each face in percent: ``100 * mean_i |p_i - t_i| / size``.

    Args:
        predicted: (B, N, D).
        target: (B, N, D).
        size: (B,) normalizer in the unit of the points.
        visible: (B, N) bool; only these points count.

    Returns:
        (B,) in percent; NaN where no point is visible.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> normalized_mean_error(torch.zeros(1, 2, 2), torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]), torch.tensor([10.0]))
        tensor([25.])
    """
    if predicted.shape != target.shape or predicted.ndim != 3:
        got = f"{tuple(predicted.shape)} and {tuple(target.shape)}"
        raise ValueError(f"normalized_mean_error: predicted and target must be (B, N, D), got {got}")
    if size.shape != predicted.shape[:1]:
        raise ValueError(f"normalized_mean_error: size must be ({predicted.shape[0]},), got {tuple(size.shape)}")
    distance = (predicted - target).norm(dim=-1)  # (B, N)
    if visible is None:
        return 100 * distance.mean(-1) / size
    seen = visible.bool()
    return 100 * distance.masked_fill(~seen, 0).sum(-1) / seen.sum(-1) / size
