"""Plain-torch penalties on dense posed vertices."""

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from pyface3d.ops.reference.vertex_distance import posed_vertices
from pyface3d.ops.reference.wing_loss import wing_loss


def wing_vertex_loss(
    mean: Tensor,
    basis: Tensor,
    coeffs: Tensor,
    pose: Tensor,
    target_coeffs: Tensor,
    target_pose: Tensor,
    w: float = 10.0,
    epsilon: float = 2.0,
    weights: Tensor | None = None,
    indices: Tensor | None = None,
    kind: str = "wing",
) -> Tensor:
    """``sum_n weights_n sum_xyz f(V_n - V'_n)`` -> (B,)."""
    if indices is not None:
        mean, basis = mean[indices], basis[indices]
    pred = posed_vertices(mean, basis, coeffs, pose)  # (B, N, 3)
    target = posed_vertices(mean, basis, target_coeffs, target_pose)
    penalties = {
        "wing": lambda: wing_loss(pred, target, w, epsilon),
        "l1": lambda: (pred - target).abs(),
        "smooth_l1": lambda: smooth_l1_loss(pred, target, reduction="none", beta=w),
        "l2": lambda: torch.square(pred - target),
    }
    per_vertex = penalties[kind]().sum(-1)  # (B, N)
    return (per_vertex if weights is None else per_vertex * weights).sum(-1)
