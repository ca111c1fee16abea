"""What a detector answers. Needs no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyface3d.images.framing import Framing, rois_of_boxes


@dataclass(frozen=True, eq=False)
class Detections:
    """The F faces of one picture as a detector sees them, in pixels of that picture, the largest first.

    Args:
        boxes: (F, 4) left, top, right, bottom, drawn as the detector draws them.
        scores: (F,).
        points: (F, 5, 2) eyes, tip of the nose and corners of the mouth, those on the left of a frontal picture first;
            None from a detector without points.
        framing: how boxes and points become crops; None: the boxes tightly surround the 68 landmarks.

    Raises:
        ValueError: another shape, or a number that is not finite.

    Example:
        >>> Detections(np.array([[10, 10, 20, 20]]), np.ones(1)).rois().round(1)
        array([[ 7.9,  7.9, 22.1, 22.1]], dtype=float32)
    """

    boxes: NDArray
    scores: NDArray
    points: NDArray | None = None
    framing: Framing | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        shapes = {"boxes": (count, 4), "scores": (count,), "points": (count, 5, 2)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values is None and name == "points":
                continue
            if np.shape(values) != shape or not np.isfinite(values).all():
                raise ValueError(f"Detections: {name} must be finite {shape}, got {np.shape(values)}")
            object.__setattr__(self, name, np.asarray(values, np.float32))
        if self.framing is not None and self.points is None:
            raise ValueError("Detections: a framing needs points, got none")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: slice | NDArray) -> "Detections":
        """Some of the faces, in that order."""
        points = None if self.points is None else self.points[rows]
        return Detections(self.boxes[rows], self.scores[rows], points, self.framing)

    def rois(self, crop: str = "roi_from_landmarks") -> NDArray:
        """Square crops (F, 4) float32 by a convention of :mod:`pyface3d.camera`.

        Raises:
            ValueError: a convention that nothing is known about.
        """
        if self.framing is not None and self.points is not None:
            return self.framing.rois(self.boxes, self.points, crop)
        if crop != "roi_from_landmarks":
            raise ValueError(f"Detections.rois: boxes around landmarks give 'roi_from_landmarks' crops, not {crop!r}")
        return rois_of_boxes(self.boxes)


def areas(boxes: NDArray) -> NDArray:
    """(F,) square pixels of boxes (F, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
