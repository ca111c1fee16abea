"""Where faces are in a frame: everywhere, or near where they were."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pyface3d.images.detection import Detector, find_faces
from pyface3d.images.detections import Detections

_AROUND = 1.6  # side of the searched region in sides of a face's crop
_REGION = 96  # pixels that a region's side is reduced to: a face of 40, in less than a millisecond
_QUICK = 250  # square root of the pixels that a whole frame is reduced to for a quick search
_SAME = 0.2  # finds nearer than this, in sides of their crops, are one face
_CELLS = 16  # a side of the small picture that a face is compared by


@dataclass(frozen=True, eq=False)
class Find:
    """A face that the detector sees.

    Attributes:
        roi: (4,) square crop in the frame.
        score: of the detector.
        points: (5, 2) in the frame, or None.
    """

    roi: np.ndarray
    score: float
    points: np.ndarray | None

    @property
    def center(self) -> np.ndarray:
        """(2,) middle of the crop."""
        return (self.roi[:2] + self.roi[2:]) / 2

    @property
    def side(self) -> float:
        """Side of the crop in pixels."""
        return float(self.roi[2] - self.roi[0])


class Finder:
    """Searches frames with a detector.

    Args:
        detector: as :mod:`pyface3d.images.detection` describes it.
        crop: convention of the crops, a function of :mod:`pyface3d.camera`.
    """

    def __init__(self, detector: Detector, crop: str) -> None:
        self.detector, self.crop = detector, crop

    def everywhere(self, pixels: np.ndarray, quick: bool = False) -> list[Find]:
        """The faces of a frame (H, W, 3), the largest first; ``quick`` overlooks the small ones."""
        scale = _QUICK / (pixels.shape[0] * pixels.shape[1]) ** 0.5
        if not quick or scale >= 1:
            return self._finds(find_faces(self.detector, pixels, False))
        return self._finds(find_faces(self.detector, _reduced(pixels, scale), False), 1 / scale)

    def near(self, pixels: np.ndarray, places: Iterable[tuple[np.ndarray, float]]) -> list[Find]:
        """The faces near places, each a center (2,) and the side of the crop there."""
        finds: list[Find] = []
        for center, side in places:
            finds += self._region(pixels, np.asarray(center), _AROUND * side)
        return distinct(finds)

    def _region(self, pixels: np.ndarray, center: np.ndarray, side: float) -> list[Find]:
        limits = np.array(pixels.shape[1::-1])
        low = np.clip(np.floor(center - side / 2), 0, limits).astype(int)
        high = np.clip(np.ceil(center + side / 2), 0, limits).astype(int)
        if (high - low).min() < 2:
            return []
        region = pixels[low[1] : high[1], low[0] : high[0]]
        scale = min(1.0, _REGION / (high - low).max())
        region = _reduced(region, scale) if scale < 1 else np.ascontiguousarray(region)
        return self._finds(find_faces(self.detector, region, False), 1 / scale, low)

    def _finds(self, found: Detections, stretch: float = 1.0, offset: np.ndarray | None = None) -> list[Find]:
        """The finds of a picture whose pixels are ``stretch`` of the frame's, from ``offset`` on."""
        if not len(found):
            return []
        shift = np.zeros(2) if offset is None else offset
        rois = (found.rois(self.crop) + 0.5) * stretch - 0.5 + np.tile(shift, 2)
        points = None if found.points is None else (found.points + 0.5) * stretch - 0.5 + shift
        return [
            Find(roi, float(score), None if points is None else points[k])
            for k, (roi, score) in enumerate(zip(rois, found.scores))
        ]


def glance(pixels: np.ndarray, find: Find) -> np.ndarray:
    """(16, 16, 3) float32 mean colors of the frame (H, W, 3) where a find is, or was."""
    limits = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(find.roi[:2]), 0, limits - 1).astype(int)
    high = np.clip(np.ceil(find.roi[2:]), low + 1, limits).astype(int)
    region = pixels[low[1] : high[1], low[0] : high[0]]
    return cv2.resize(region, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two glances in gray levels."""
    return float(np.abs(one - other).mean())


def _reduced(pixels: np.ndarray, scale: float) -> np.ndarray:
    size = [max(1, round(length * scale)) for length in pixels.shape[1::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def distinct(finds: Sequence[Find]) -> list[Find]:
    """The finds without those of a face that another one shows with a higher score."""
    kept: list[Find] = []
    for find in sorted(finds, key=lambda find: -find.score):
        if all(np.linalg.norm(find.center - other.center) > _SAME * min(find.side, other.side) for other in kept):
            kept.append(find)
    return kept
