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


def spread(values: Tensor, weight: Tensor, doubt: float = 0.1, levels: int = 16) -> Tensor:
    """Values where there is weight; elsewhere those of the next coarser level; zero far from all.

    As ``fill_holes``, with a doubt that makes the levels blend: a texel of weight w takes ``doubt`` parts of what the
    coarser level says to w parts of its own.

    Args:
        values: (C, H, W).
        weight: (H, W) in [0, 1].
        doubt: what a coarser level, and zero at the coarsest, weighs.
        levels: how often the picture may be halved: values reach about ``2 ** levels`` texels far.

    Returns:
        (C, H, W).

    Example:
        >>> bool(spread(torch.ones(1, 8, 8), torch.eye(8)).min() > 0.5)
        True
    """
    return _spread((values * weight)[None], weight[None, None], doubt, levels)[0]


def _spread(weighted: Tensor, weight: Tensor, doubt: float, levels: int) -> Tensor:
    if levels == 0 or max(weight.shape[2:]) == 1:
        return weighted / (weight + doubt)
    coarse, known = (F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False) for x in (weighted, weight))
    more = 2 / (1 + known)  # a cell that is half known is nearly known
    pushed = _spread(coarse * more, known * more, doubt, levels - 1)
    around = F.interpolate(pushed, weight.shape[2:], mode="bilinear", align_corners=False)
    return (weighted + doubt * around) / (weight + doubt)


def feathered(weight: Tensor, reach: int) -> Tensor:
    """(H, W) weights withdrawn from their rim, and fading in from there over ``reach`` texels."""
    side = 2 * reach + 1
    core = -F.max_pool2d(-weight[None, None], side, 1, reach)
    return F.avg_pool2d(core, side, 1, reach, count_include_pad=False)[0, 0]
