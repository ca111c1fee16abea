"""Areas of a face on its UV chart and the weight masks made of them.

The five areas are those of Shi et al., "Face Reconstruction with Specific Weight Mask" (QShine 2020): 1 the 81 landmark
texels, 2 eyes and nose, 3 mouth, 4 the rest of the face with the forehead, 5 the neck and everything outside the face.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.spatial import ConvexHull, QhullError, cKDTree

from pyface3d.landmarks import FOREHEAD_ORDER
from pyface3d.morphable import LandmarkSet, find_landmarks
from pyface3d.morphable.conventions import joined
from pyface3d.morphable.landmark_sets import DEFAULT

if TYPE_CHECKING:
    from pyface3d.morphable import MorphableModel

EYES_AND_NOSE = (range(36, 42), range(42, 48), range(27, 36))
MOUTH = (range(48, 68),)
PRNET_CENTER = ((*range(17, 27), *range(36, 48)), range(27, 36), range(48, 68))  # brows and eyes, nose, mouth
SHI_RATIO = (16.0, 5.0, 4.0, 3.0, 0.0)
PRNET_RATIO = (16.0, 4.0, 3.0, 0.0)
MARGIN = 6.0  # texels of a 256 map around the hulls
PRNET_MARGIN = 11.0


def hull_region(texels: np.ndarray, margin: float, shape: tuple[int, int]) -> np.ndarray:
    """Texels at most ``margin`` beyond every edge of the convex hull of ``texels`` (L, 2 as column, row)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    try:
        hull = ConvexHull(texels.astype(np.float64))
    except QhullError:  # fewer than three points, or all on one line: their bounding box
        low, high = texels.min(axis=0) - margin, texels.max(axis=0) + margin
        return (columns >= low[0]) & (columns <= high[0]) & (rows >= low[1]) & (rows <= high[1])
    beyond = np.stack([a * columns + b * rows + c for a, b, c in hull.equations])
    return beyond.max(axis=0) <= margin + 1e-9


def union_of_hulls(texels: np.ndarray, groups: tuple, margin: float, shape: tuple[int, int]) -> np.ndarray:
    """The union of :func:`hull_region` over groups of landmark numbers."""
    return np.logical_or.reduce([hull_region(texels[list(group)], margin, shape) for group in groups])


def landmark_mask(texels: np.ndarray, shape: tuple[int, int], radius: int = 0) -> np.ndarray:
    """The landmark texels, each grown by ``radius`` (a square)."""
    mask = np.zeros(shape, bool)
    mask[texels[:, 1], texels[:, 0]] = True
    return binary_dilation(mask, np.ones((2 * radius + 1,) * 2)) if radius else mask


def face_areas(texels: np.ndarray, face: np.ndarray, radius: int = 0) -> np.ndarray:
    """The five areas of Shi et al. as numbers 1..5; precedence 1 > 3 > 2 > 4 > 5.

    Args:
        texels: (L, 2) column and row of the 68 or 81 landmarks; (0, 2) where there are none.
        face: (U, V) bool, the face without its neck.
        radius: how far a landmark's texel is grown, in texels.

    Returns:
        (U, V) uint8.
    """
    areas = np.where(face, 4, 5).astype(np.uint8)
    if len(texels):
        margin = MARGIN * face.shape[0] / 256
        areas[union_of_hulls(texels, EYES_AND_NOSE, margin, face.shape) & face] = 2
        areas[union_of_hulls(texels, MOUTH, margin, face.shape) & face] = 3
        areas[landmark_mask(texels, face.shape, radius)] = 1
    return areas


def prnet_areas(texels: np.ndarray, face: np.ndarray) -> np.ndarray:
    """PRNet's four areas as numbers 1..4: 68 landmarks, brows-eyes-nose-mouth, the rest of the face, the neck.

    PRNet ships a painted picture; this construction from hulls agrees with its painted center to an intersection over
    union of 0.75 on the Basel layout.
    """
    areas = np.where(face, 3, 4).astype(np.uint8)
    if len(texels):
        center = union_of_hulls(texels, PRNET_CENTER, PRNET_MARGIN * face.shape[0] / 256, face.shape)
        areas[center & face] = 2
        areas[landmark_mask(texels[:68], face.shape)] = 1
    return areas


def above_neck(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Which points (..., 3) lie above the plane through the jaw corners (4, 12) and the chin (8), lowered a little.

    Args:
        points: (..., 3) of the mean shape, y up, z to the viewer.
        landmarks: (68, 3) its landmarks.

    Returns:
        (...) bool.
    """
    right, chin, left = landmarks[[4, 8, 12]]
    normal = np.cross(left - right, chin - right)
    normal *= (np.sign(normal[1]) or 1.0) / np.linalg.norm(normal)
    slack = 0.12 * np.linalg.norm(landmarks[36] - landmarks[45])
    return (points - chin) @ normal >= -slack


def forehead_vertices(mean: np.ndarray, landmarks: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The 13 forehead points (68..80 of the 81-point scheme) of any model, by the rule of facial thirds.

    No mapping of these points to a public face model exists, so they are defined here: seen from the front they lie, at
    equal angles from temple to temple, on the half ellipse around the middle of the brows that reaches out to the jaw
    contour's ends (landmarks 0 and 16) and up by one facial third (the height from the brows to the base of the nose).
    Each becomes the nearest candidate vertex. They follow the numbering of the reference picture, which does not run
    from side to side (:data:`pyface3d.landmarks.FOREHEAD_ORDER`).

    Args:
        mean: (N, 3) mean shape, x to the subject's left, y up, z to the viewer.
        landmarks: (68,) vertex ids.
        candidates: (M,) vertex ids that may be chosen.

    Returns:
        (13,) vertex ids, in the order 68..80.
    """
    points = mean[landmarks]  # (68, 3)
    brows = points[17:27].mean(axis=0)
    across, up = (points[16, 0] - points[0, 0]) / 2, brows[1] - points[33, 1]
    angles = np.pi * (1.0 - np.arange(1, 14) / 14.0)  # the subject's right (x < 0) first
    targets = np.stack([brows[0] + across * np.cos(angles), brows[1] + up * np.sin(angles)], axis=1)  # (13, 2)
    front = candidates[mean[candidates, 2] >= points[[0, 16], 2].min()]  # not the back of the head
    _, nearest = cKDTree(mean[front, :2]).query(targets)
    ordered = np.empty(13, np.int64)
    ordered[np.array(FOREHEAD_ORDER) - 68] = front[nearest]
    return ordered


def landmark_points(model: "MorphableModel", candidates: np.ndarray | None = None) -> LandmarkSet:
    """The model's 81 landmarks, its forehead by the rule where it has none; 68 without a mesh or without vertices of
    all 68.

    Args:
        model: a model with landmarks.
        candidates: (M,) vertices that may be on the forehead; None: all.
    """
    points = find_landmarks(model, DEFAULT)
    if "forehead13" in model.landmark_sets:
        return joined(points, model.landmark_sets["forehead13"])
    if not len(model.triangles) or model.landmarks is None:
        return points
    mean = model.mean.double().cpu().numpy()
    allowed = np.arange(len(mean)) if candidates is None else candidates
    forehead = forehead_vertices(mean, model.landmarks.cpu().numpy(), allowed)
    return joined(points, LandmarkSet.of_vertices(forehead))
