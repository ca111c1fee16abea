"""Plain-torch weighted parameter distance cost, over the vertices themselves."""

import torch
from torch import Tensor


@torch.no_grad()
def wpdc_weights(
    pred: Tensor,
    target: Tensor,
    param_mean: Tensor,
    param_std: Tensor,
    mean: Tensor,
    basis: Tensor,
    scale: float = 0.00057339936,
    epsilon: float = 1e-6,
) -> Tensor:
    """3DDFA's weights for whitened (B, 12 + K) parameters and the vertices (L, 3), (L, 3, K) given -> (B, 12 + K)."""
    p, g = pred * param_std + param_mean, target * param_std + param_mean
    error = (p - g).abs()
    shape = mean + torch.einsum("nxk,bk->bnx", basis, g[:, 12:])  # (B, L, 3)
    norms = shape.norm(dim=1)  # (B, 3)
    weights = torch.zeros_like(error)
    for d in range(3):
        weights[:, d:11:4] = error[:, d:11:4] * norms[:, d : d + 1]
    weights[:, [3, 7]] = error[:, [3, 7]] * len(mean) ** 0.5
    weights[:, 12:] = scale * error[:, 12:] * basis.flatten(0, 1).norm(dim=0)
    counted = torch.ones(weights.shape[1], dtype=torch.bool, device=weights.device)
    counted[11] = False
    weights[:, counted] += epsilon
    return weights / weights.amax(1, keepdim=True)


def wpdc_loss(
    pred: Tensor,
    target: Tensor,
    param_mean: Tensor,
    param_std: Tensor,
    mean: Tensor,
    basis: Tensor,
    scale: float = 0.00057339936,
    epsilon: float = 1e-6,
) -> Tensor:
    """``mean_i w_i (p_i - g_i)^2`` -> (B,)."""
    weights = wpdc_weights(pred, target, param_mean, param_std, mean, basis, scale, epsilon)
    return (weights * (pred - target).square()).mean(1)
