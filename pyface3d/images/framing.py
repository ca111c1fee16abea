"""From a detector's box and five points to the crop that the networks were trained on, by a calibrated linear rule."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

FEATURES = 12  # of a find: see features()


@dataclass(frozen=True, eq=False)
class Framing:
    """Linear rules from a detector's finds to square crops, one for each crop convention.

    A rule is a matrix (12, 3): :func:`features` of a find times it are the crop's centre, from the find's centre, and
    its side, both in the find's size; :func:`origin_and_size` say what these are. Shifted, enlarged and mirrored finds
    therefore give shifted, enlarged and mirrored crops.

    Args:
        rules: name of the convention, a function of :mod:`pyface3d.camera`, to matrix.

    Raises:
        ValueError: a matrix of another shape.
    """

    rules: dict[str, NDArray]

    def __post_init__(self) -> None:
        for name, rule in self.rules.items():
            if rule.shape != (FEATURES, 3) or not np.isfinite(rule).all():
                raise ValueError(f"Framing: {name} must be finite ({FEATURES}, 3), got {rule.shape}")

    @staticmethod
    @cache
    def yunet() -> "Framing":
        """The rules of the embedded detector (``scripts/calibrate_framing.py``)."""
        text = resources.files("pyface3d.assets").joinpath("detector/framing.json").read_text(encoding="utf-8")
        return Framing({name: np.array(rule, np.float64) for name, rule in json.loads(text)["rules"].items()})

    def rois(self, boxes: NDArray, points: NDArray, crop: str = "roi_from_landmarks") -> NDArray:
        """Square crops (F, 4) float32 of finds.

        Args:
            boxes: (F, 4) left, top, right, bottom of the detector's boxes.
            points: (F, 5, 2) the detector's points.
            crop: the convention.

        Raises:
            ValueError: a convention without a rule.
        """
        if crop not in self.rules:
            raise ValueError(f"Framing: crop must be one of {', '.join(self.rules)}, got {crop!r}")
        origin, size = origin_and_size(boxes, points)
        framed = features(boxes, points) @ self.rules[crop] * size
        centre, half = origin + framed[:, :2], framed[:, 2:] / 2
        return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def origin_and_size(boxes: NDArray, points: NDArray) -> tuple[NDArray, NDArray]:
    """A find's centre (F, 2), the mean of its points, and size (F, 1), half their spread and half the box's width."""
    points = points.astype(np.float64)
    origin = points.mean(1)
    spread = np.linalg.norm(points - origin[:, None], axis=(1, 2))
    return origin, (spread[:, None] + boxes[:, 2:3] - boxes[:, :1]) / 2


def features(boxes: NDArray, points: NDArray) -> NDArray:
    """(F, 12): x and y of four points, then left, right and bottom of the box, from the centre in sizes; and one.

    The top of the box is left out: it follows hair, hats and the border of the picture.
    """
    origin, size = origin_and_size(boxes, points)
    four = (points[:, :4] - origin[:, None]) / size[:, None]  # the fifth follows from them
    sides = (boxes[:, [0, 2, 3]] - origin[:, [0, 0, 1]]) / size
    return np.concatenate([four[..., 0], four[..., 1], sides, np.ones((len(boxes), 1))], axis=1)


def rois_of_boxes(boxes: NDArray) -> NDArray:
    """Square crops (F, 4) of boxes (F, 4) that surround the landmarks: the rule of ``camera.roi_from_landmarks``."""
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    side = (high - low).max(1, keepdims=True, initial=0) * 2**0.5
    start = (low + high - side) / 2
    return np.concatenate([start, start + side], axis=1).astype(np.float32)
