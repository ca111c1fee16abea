"""Landmarks as such: AFLW's 21 points from the 68 of iBUG, the forehead's order, and the size of a face."""

import torch
from torch import Tensor

# For each of AFLW's 21 points the 0-based iBUG points whose mean it is (3DDFA's benchmark), in AFLW's order: brows,
# eyes, right ear and nose and left ear, mouth, chin.
_AFLW21 = (
    (17,), (19,), (21,), (22,), (24,), (26,),
    (36,), (36, 37, 38, 39, 40, 41), (39,), (42,), (42, 43, 44, 45, 46, 47), (45,),
    (2,), (31,), (30,), (35,), (14,),
    (48,), (60, 61, 62, 63, 64, 65, 66, 67), (54,), (8,),
)  # fmt: skip

# the forehead points 68..80 of the 81-point scheme as they follow one another from the subject's right to the left; the
# reference picture does not number them in this order
FOREHEAD_ORDER = (77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78)

# where WFLW's 98 and LaPa's 106 points have the 68 of iBUG
WFLW_TO_68 = (
    *range(0, 33, 2), 33, 34, 35, 36, 37, 42, 43, 44, 45, 46, *range(51, 60),
    60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 96),
)  # fmt: skip
LAPA_TO_68 = (
    *range(0, 33, 2), 33, 34, 35, 36, 37, 42, 43, 44, 45, 46, *range(51, 55), 58, 59, 60, 61, 62,
    66, 67, 69, 70, 71, 73, 75, 76, 78, 79, 80, 82, *range(84, 104),
)  # fmt: skip


def aflw21_matrix(dtype: torch.dtype = torch.float32, device: torch.device | str | None = None) -> Tensor:
    """The (21, 68) matrix that takes iBUG's 68 points to AFLW's 21; each row sums to one.

    Eye and mouth centers are means over their outlines, as 3DDFA's AFLW benchmark takes them.

    Example:
        >>> aflw21_matrix().sum(1).unique()
        tensor([1.])
    """
    matrix = torch.zeros(len(_AFLW21), 68, dtype=dtype, device=device)
    for row, points in enumerate(_AFLW21):
        matrix[row, list(points)] = 1 / len(points)
    return matrix


def aflw21_from_68(points: Tensor) -> Tensor:
    """AFLW's 21 points of iBUG's 68.

    Args:
        points: (..., 68, D).

    Returns:
        (..., 21, D). Differentiable.

    Raises:
        ValueError: if there are not 68 points.

    Example:
        >>> aflw21_from_68(torch.zeros(2, 68, 3)).shape
        torch.Size([2, 21, 3])
    """
    if points.ndim < 2 or points.shape[-2] != 68:
        raise ValueError(f"aflw21_from_68: points must be (..., 68, D), got {tuple(points.shape)}")
    return aflw21_matrix(points.dtype, points.device) @ points


def box_size(points: Tensor, visible: Tensor | None = None) -> Tensor:
    """sqrt(width * height) of the box around the first two coordinates: the usual normalizer.

    Args:
        points: (B, L, 2) or (B, L, 3) in pixels.
        visible: (B, L) bool; only these points count.

    Returns:
        (B,); NaN where no point is visible.

    Example:
        >>> box_size(torch.tensor([[[0.0, 0.0], [4.0, 9.0]]]))
        tensor([6.])
    """
    flat = points[..., :2]
    if visible is None:
        extent = flat.amax(1) - flat.amin(1)
    else:
        hidden = ~visible.bool()[..., None]
        extent = flat.masked_fill(hidden, -torch.inf).amax(1) - flat.masked_fill(hidden, torch.inf).amin(1)
        extent = extent.masked_fill(hidden.all(1), torch.nan)
    return extent.prod(-1).sqrt()
