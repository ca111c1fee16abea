"""The similarity that carries a face model onto predicted vertices."""

import torch
from torch import Tensor


def fit_similarity(source: Tensor, target: Tensor) -> Tensor:
    """Least-squares similarity (Umeyama 1991): target ~ f R source + t.

    Args:
        source: (N, 3) points.
        target: (B, N, 3) the same points in B other frames.

    Returns:
        (B, 3, 4) [f R | t], R a rotation, never a reflection.

    Example:
        >>> points = torch.randn(10, 3)
        >>> fit_similarity(points, 2 * points[None])[0, :, :3].diagonal()
        tensor([2., 2., 2.])
    """
    source_mean, target_mean = source.mean(0), target.mean(1, keepdim=True)  # (3,), (B, 1, 3)
    centered = source - source_mean
    covariance = (target - target_mean).mT @ centered  # (B, 3, 3)
    u, singular, vh = torch.linalg.svd(covariance)
    sign = torch.ones_like(singular)
    sign[:, 2] = torch.linalg.det(u @ vh).sign()
    rotation = u * sign[:, None] @ vh
    scale = (singular * sign).sum(1) / centered.square().sum()  # (B,)
    linear = scale[:, None, None] * rotation
    translation = target_mean.mT - linear @ source_mean[:, None]
    return torch.cat([linear, translation], 2)
