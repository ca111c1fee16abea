"""Whether what a method answers for a find is a face at all. Needs no torch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# the largest mean distance of the five points, in sizes of the face, and the range of the face's side, in sides of its
# crop; on 6,000 crops of AFLW, 3DDFA_V2's network is beyond the first for 0.2 % of the faces, beyond the other for none
MOST_APART = 0.3
SIDES = (0.2, 2.0)
_FIVE = (range(36, 42), range(42, 48), (30,), (48,), (54,))  # of the 68 landmarks


def five_points(landmarks: NDArray) -> NDArray:
    """Eyes, tip of the nose and corners of the mouth (5, 2), in a detector's order, of landmarks (68, 2 or 3)."""
    return np.stack([landmarks[list(ids), :2].mean(0) for ids in _FIVE])


def is_face(landmarks: NDArray, roi: ArrayLike, points: NDArray | None = None) -> bool:
    """Whether landmarks are finite, of a face's size in their crop, and where the detector saw eyes, nose and mouth.

    Args:
        landmarks: (L, 2 or 3) in the photo; 68 where there are ``points``.
        roi: (4,) left, top, right, bottom of the crop in the photo.
        points: (5, 2) the detector's points in the photo; None: unknown.

    Example:
        >>> is_face(np.full((68, 3), np.nan), (0, 0, 100, 100))
        False
    """
    if not np.isfinite(landmarks).all():
        return False
    extent = landmarks[:, :2].max(0) - landmarks[:, :2].min(0)
    left, top, right, bottom = np.asarray(roi, np.float64)
    side = extent.max() * 2**0.5 / max(right - left, bottom - top)
    if not SIDES[0] <= side <= SIDES[1]:
        return False
    if points is None or len(landmarks) != 68:
        return True
    apart = np.linalg.norm(five_points(landmarks) - points, axis=1).mean()
    return bool(apart <= MOST_APART * extent.max())


def is_any_face(landmarks: NDArray, roi: NDArray) -> bool:
    """Whether landmarks are finite, and spread over more than a pixel and less than a hundred crops."""
    spread = np.ptp(landmarks[:, :2], axis=0).max() if np.isfinite(landmarks).all() else 0.0
    return bool(1.0 < spread < 100 * max(1.0, float(roi[2] - roi[0])))
