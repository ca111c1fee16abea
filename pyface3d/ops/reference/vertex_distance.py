"""Plain-torch distance between posed faces, over all their vertices."""

import torch
from torch import Tensor


def posed_vertices(mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor | None) -> Tensor:
    """``M (mean + basis c) + t``: (N, 3), (N, 3, K), (B, K), (B, R, 4) -> (B, N, R); unposed (B, N, 3) without pose."""
    shape = mean + torch.einsum("nxk,bk->bnx", basis, coeffs)  # (B, N, 3)
    return shape if pose is None else shape @ pose[..., :3].transpose(1, 2) + pose[..., 3][:, None]


def vertex_distance(
    mean: Tensor,
    basis: Tensor,
    coeffs: Tensor,
    pose: Tensor | None,
    target_coeffs: Tensor,
    target_pose: Tensor | None,
    weights: Tensor | None = None,
) -> Tensor:
    """``sum_n w_n |V_n - V'_n|^2`` over the vertices (and pose rows) given -> (B,)."""
    error = posed_vertices(mean, basis, coeffs, pose) - posed_vertices(mean, basis, target_coeffs, target_pose)
    squared = error.square().sum(-1)  # (B, N)
    return (squared if weights is None else squared * weights).sum(-1)
