"""Landmark conventions by name: which one so many points are, and those that follow from another set of a model."""

from typing import TYPE_CHECKING

import torch

from pyface3d.landmarks import LAPA_TO_68, WFLW_TO_68, aflw21_matrix
from pyface3d.morphable.landmark_sets import DEFAULT, LandmarkBasis, LandmarkSet

if TYPE_CHECKING:
    from pyface3d.morphable.content import ModelContent

#: the convention that a number of points stands for where none is named
BY_COUNT = {
    68: DEFAULT, 81: "ibug81", 51: "ibug51", 21: "aflw21", 19: "aflw19", 98: "wflw98", 106: "lapa106",
    478: "mediapipe478", 468: "mediapipe468", 5: "five", 13: "forehead13",
}  # fmt: skip

_EARS = (12, 16)  # of AFLW's 21, which the 19-point versions leave out
# the eyes' middles, the tip of the nose and the corners of the mouth as means of iBUG's points
_FIVE = (range(36, 42), range(42, 48), (30,), (48,), (54,))


def find_landmarks(model: "ModelContent", landmarks: str | int | LandmarkSet) -> LandmarkSet:
    """The points of a convention on a model: its own set, or what follows from another one that it has.

    iBUG's 68 and 51, AFLW's 21 and 19, the five points, the 81-point scheme, and of WFLW's 98 and LaPa's 106 the 68
    that they share with iBUG follow from ``"300w-lp"``; MediaPipe's 468 are the first of ``"mediapipe478"``.

    Args:
        model: the face model.
        landmarks: name of the convention, number of its points, or points already placed.

    Returns:
        The set, partial where the model or the rule does not have all points.

    Raises:
        ValueError: unknown number, or a convention that the model has no way to.

    Example:
        >>> from pyface3d import MorphableModel
        >>> points = find_landmarks(MorphableModel.default(), 98)
        >>> len(points), int(points.mask.sum())
        (98, 68)
    """
    if isinstance(landmarks, LandmarkSet):
        return landmarks
    if isinstance(landmarks, int) and landmarks not in BY_COUNT:
        known = ", ".join(str(count) for count in sorted(BY_COUNT))
        raise ValueError(f"landmarks: no convention of {landmarks} points is known, only of {known}; name the set")
    name = BY_COUNT[landmarks] if isinstance(landmarks, int) else landmarks
    found = model.landmark_sets.get(name) or _derived(model, name)
    if found is None:
        known = ", ".join(model.landmark_sets) or "none; build it with landmarks= or landmark_sets="
        raise ValueError(f"MorphableModel: {model.name} has no landmarks {name!r}, its sets are {known}")
    return found


def known_landmarks(model: "ModelContent") -> dict[int, LandmarkBasis]:
    """The conventions that a model has a way to, by the number of their points, gathered."""
    found = {}
    for count, name in BY_COUNT.items():
        if name in model.landmark_sets:
            found[count] = model.landmark_basis(name)
        elif (points := _derived(model, name)) is not None:
            found[count] = LandmarkBasis(points, model.mean, model.basis)
    return found


def _derived(model: "ModelContent", name: str) -> LandmarkSet | None:
    sets = model.landmark_sets
    if name == "mediapipe468" and "mediapipe478" in sets:
        return sets["mediapipe478"][:468]
    if name == "aflw19" and "aflw21" in sets:
        return sets["aflw21"][[k for k in range(21) if k not in _EARS]]
    if DEFAULT not in sets:
        return None
    points = sets[DEFAULT]
    if name == "ibug68":
        return points
    if name == "ibug51":
        return points[17:]
    if name == "ibug81" and "forehead13" in sets:
        return joined(points, sets["forehead13"])
    if name in ("aflw21", "aflw19"):
        matrix = aflw21_matrix()
        return points.combined(matrix if name == "aflw21" else matrix[[k for k in range(21) if k not in _EARS]])
    if name == "five":
        matrix = torch.zeros(5, 68)
        for row, group in enumerate(_FIVE):
            matrix[row, list(group)] = 1 / len(group)
        return points.combined(matrix)
    table = {"wflw98": (98, WFLW_TO_68), "lapa106": (106, LAPA_TO_68)}.get(name)
    return None if table is None else _scattered(points, *table)


def joined(first: LandmarkSet, second: LandmarkSet) -> LandmarkSet:
    """One set after the other; the narrower repeats its first corner with weight zero."""
    width = max(first.corners.shape[1], second.corners.shape[1])
    corners, weights = [], []
    for points in (first, second):
        extra = width - points.corners.shape[1]
        corners.append(torch.cat([points.corners, points.corners[:, :1].expand(-1, extra)], 1))
        weights.append(torch.cat([points.weights, points.weights.new_zeros(len(points), extra)], 1))
    return LandmarkSet(torch.cat(corners), torch.cat(weights))


def _scattered(points: LandmarkSet, count: int, places: tuple[int, ...]) -> LandmarkSet:
    """A set of ``count`` points that has these ones at ``places``."""
    corners = torch.full((count, points.corners.shape[1]), -1)
    weights = torch.zeros(corners.shape)
    corners[list(places)], weights[list(places)] = points.corners, points.weights
    return LandmarkSet(corners, weights)
