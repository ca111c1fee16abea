"""Plain-torch Wing loss."""

import math

import torch
from torch import Tensor


def wing_loss(pred: Tensor, target: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """``w ln(1 + |x| / epsilon)`` where ``|x| < w``, else ``|x| - w + w ln(1 + w / epsilon)``."""
    size = (pred - target).abs()
    return torch.where(size < w, w * torch.log1p(size / epsilon), size - w + w * math.log1p(w / epsilon))
