"""Plain-torch distance between position maps."""

from torch import Tensor


def position_map_loss(pred: Tensor, target: Tensor, weight_mask: Tensor, squared: bool = False) -> Tensor:
    """``sum over pixels of |P - P'| W`` (or its square): (B, 3, U, V), (B, 3, U, V), (U, V) -> (B,)."""
    error = pred - target
    distance = error.square().sum(1) if squared else error.norm(dim=1)  # (B, U, V)
    return (distance * weight_mask).sum((1, 2))
