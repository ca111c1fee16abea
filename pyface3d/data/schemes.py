"""Landmark schemes of the data sets: mirror permutations, and the 68 iBUG points among richer ones."""

import numpy as np
import torch
from torch import Tensor

from pyface3d.landmarks import FOREHEAD_ORDER, LAPA_TO_68, WFLW_TO_68, aflw21_matrix

# pairs of iBUG points that a mirror exchanges; the midline maps to itself
_PAIRS_68 = (
    *((k, 16 - k) for k in range(8)), *((17 + k, 26 - k) for k in range(5)), (31, 35), (32, 34),
    (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46),
    (48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67),
)  # fmt: skip
_PAIRS_81 = (*_PAIRS_68, *((FOREHEAD_ORDER[k], FOREHEAD_ORDER[12 - k]) for k in range(6)))
_PAIRS_21 = ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 16), (13, 15), (17, 19))
_PAIRS_98 = (
    *((k, 32 - k) for k in range(16)), *((33 + k, 46 - k) for k in range(5)), *((38 + k, 50 - k) for k in range(4)),
    (60, 72), (61, 71), (62, 70), (63, 69), (64, 68), (65, 75), (66, 74), (67, 73), (55, 59), (56, 58),
    (76, 82), (77, 81), (78, 80), (83, 87), (84, 86), (88, 92), (89, 91), (93, 95), (96, 97),
)  # fmt: skip
_PAIRS_5 = ((0, 1), (3, 4))  # eyes, nose, mouth corners

_TO_68 = {98: WFLW_TO_68, 106: LAPA_TO_68, 81: tuple(range(68))}


def mirror_permutation(count: int) -> Tensor:
    """The (count,) int64 permutation that renumbers mirrored points: ``mirrored = points[..., permutation, :]``.

    Known for 5, 21, 68, 81 and WFLW's 98 points; ValueError for other numbers.

    Example:
        >>> int(mirror_permutation(68)[36])
        45
    """
    pairs = {5: _PAIRS_5, 21: _PAIRS_21, 68: _PAIRS_68, 81: _PAIRS_81, 98: _PAIRS_98}.get(count)
    if pairs is None:
        raise ValueError(f"mirror_permutation: known for 5, 21, 68, 81 and 98 points, got {count}")
    order = torch.arange(count)
    for a, b in pairs:
        order[a], order[b] = b, a
    return order


def convert_landmarks(points: np.ndarray, visible: np.ndarray, count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Points (L, D) and their visibility (L,) in a scheme of ``count`` points; None leaves them as they are.

    WFLW's 98, LaPa's 106 and the 81-point scheme contain the 68; AFLW's 21 are means of the 68.

    Raises:
        ValueError: no such conversion.
    """
    if count is None or count == len(points):
        return points, visible
    if count == 21 and len(points) != 68:
        return convert_landmarks(*convert_landmarks(points, visible, 68), 21)
    if count == 21:
        matrix = aflw21_matrix().numpy()
        return (matrix @ points).astype(points.dtype), (matrix @ ~visible) == 0
    if count == 68 and len(points) in _TO_68:
        chosen = list(_TO_68[len(points)])
        return points[chosen], visible[chosen]
    raise ValueError(f"landmarks: no way from {len(points)} to {count} points; choose landmarks=None to keep them")


def is_mirrored(points: Tensor, pose: Tensor) -> bool:
    """Whether 68 points are those of a mirrored face that were not renumbered (300W-LP's flips).

    From the subject's right to the left must lead where the pose's x axis leads.

    Args:
        points: (68, 2) pixels, y down.
        pose: (3, 4) [f R | t] of the same image, y up.
    """
    across = torch.stack([points[b, :2] - points[a, :2] for a, b in _PAIRS_68]).sum(dim=0)
    return bool(across[0] * pose[0, 0] - across[1] * pose[1, 0] < 0)
