"""Where a photo shows the points of a fitted surface: a smooth correction between landmarks."""

import torch
import torch.nn.functional as F
from torch import Tensor

_WIDTH = 0.05  # of the kernel, in sides of the canvas
_TRUST = 0.3  # ridge: how much of a point's own offset is noise
_COARSE = 32  # cells along a side that the correction is computed on


def offsets_at(places: Tensor, fitted: Tensor, given: Tensor, size: int) -> Tensor:
    """Offsets (B, N, 2) that carry the fitted points near the given ones, and vanish far from all of them.

    Kernel ridge regression of the offsets with a Gaussian kernel.

    Args:
        places: (B, N, 2) pixels of the canvas where the offsets are wanted.
        fitted: (B, L, 2) where the fit has the points; NaN: it has not.
        given: (B, L, 2) where the photo has them; NaN: not known.
        size: side of the canvas.
    """
    known = ~(given - fitted).isnan().any(-1)
    offsets = torch.where(known[..., None], given - fitted, torch.zeros(()))
    fitted = fitted.nan_to_num()
    variance = torch.where(known, _TRUST, 1e6)
    kernel = _kernel(fitted, fitted, size) + torch.diag_embed(variance)
    weights = torch.cholesky_solve(offsets, torch.linalg.cholesky(kernel))  # (B, L, 2)
    steps = torch.linspace(0, size - 1, _COARSE)
    cells = torch.stack(torch.meshgrid(steps, steps, indexing="ij")[::-1], -1).reshape(1, -1, 2)
    coarse = _kernel(cells.expand(len(fitted), -1, -1), fitted, size) @ weights  # (B, cells, 2)
    field = coarse.mT.reshape(len(fitted), 2, _COARSE, _COARSE)
    grid = (places / ((size - 1) / 2) - 1)[:, None]
    return F.grid_sample(field, grid, "bilinear", "border", align_corners=True)[:, :, 0].mT


def _kernel(a: Tensor, b: Tensor, size: int) -> Tensor:
    return torch.exp(-0.5 * (torch.cdist(a, b) / (_WIDTH * size)).square())
