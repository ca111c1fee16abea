"""Holes in pictures, filled from around."""

import torch.nn.functional as F
from torch import Tensor


def fill_holes(weighted: Tensor, weight: Tensor) -> Tensor:
    """Colors where there is weight; elsewhere those of the next coarser level (pull-push).

    Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4.

    Args:
        weighted: (B, C, H, W) colors times their weights.
        weight: (B, 1, H, W), at least 0.

    Returns:
        (B, C, H, W) colors everywhere; zeros where a picture has no weight at all.

    Example:
        >>> weight = torch.eye(4)[None, None]
        >>> fill_holes(0.5 * weight, weight).unique()
        tensor([0.5000])
    """
    known = weight > 0
    colors = weighted / weight.where(known, weight.new_ones(()))
    if known.all() or max(weight.shape[2:]) == 1:
        return colors
    coarse = [F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (colors * known, known.float())]
    filled = F.interpolate(fill_holes(*coarse), weight.shape[2:], mode="bilinear", align_corners=False)
    return colors.where(known, filled)
