"""Where the faces are: what a detector answers, and the detectors by name. Needs no torch.

A detector is any callable ``detector(image, largest)``: an RGB picture (H, W, 3) uint8 to :class:`Detections`, or to an
array (F, 5) of left, top, right, bottom, score whose boxes tightly surround the 68 landmarks. With ``largest`` only the
largest face has to be among the answers, which may save work; it is the same face as without.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


Detector = Callable[[NDArray, bool], Detections | NDArray]


def load_detector(name: "str | os.PathLike[str] | Detector | None") -> Detector:
    """The detector of a name.

    Args:
        name: "yunet", the embedded one; "whole" or None: the whole picture is one face's crop; the path of another
            ONNX file of YuNet; "hub:owner/name" for one on the Hugging Face hub (extra ``hub``); or a detector, which
            is returned.

    Raises:
        FileNotFoundError: no such file.
        ImportError: OpenCV, or for "hub:" huggingface_hub, is not installed.
        ValueError: no such detector.

    Example:
        >>> len(load_detector("yunet")(np.zeros((120, 120, 3), np.uint8), True))
        0
    """
    if name is None or name == "whole":
        return whole_picture
    if callable(name):
        return name
    from pyface3d.images.yunet import YuNetDetector

    text = os.fspath(name)
    if text == "yunet":
        return YuNetDetector()
    if text.startswith("hub:"):
        return YuNetDetector(_from_hub(text[4:]))
    if Path(text).suffix.lower() == ".onnx":
        return YuNetDetector(text)
    raise ValueError(f"detector must be 'yunet', 'whole', a YuNet .onnx file or 'hub:owner/name', got {text!r}")


def whole_picture(image: NDArray, largest: bool = True) -> Detections:
    """The picture is a face's square crop already: the box whose crop is the picture."""
    height, width = image.shape[:2]
    side, shrunk = min(height, width), (1 - 0.5**0.5) / 2
    left, top = (width - side) / 2 + shrunk * side, (height - side) / 2 + shrunk * side
    return Detections(np.array([[left, top, left + side * 0.5**0.5, top + side * 0.5**0.5]]), np.ones(1))


def find_faces(detector: Detector, image: NDArray, largest: bool) -> Detections:
    """What a detector answers, whichever of the two ways it answers in, the largest first.

    Raises:
        ValueError: it answers something else.
    """
    answer = detector(image, largest)
    if not isinstance(answer, Detections):
        rows = np.asarray(answer, np.float32)
        if rows.ndim != 2 or rows.shape[1] != 5:
            raise ValueError(f"a detector must answer Detections or an array (F, 5), got {rows.shape}")
        answer = Detections(rows[:, :4], rows[:, 4])
    answer = answer[np.argsort(-areas(answer.boxes), kind="stable")]
    return answer[:1] if largest else answer


def areas(boxes: NDArray) -> NDArray:
    """(F,) square pixels of boxes (F, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _from_hub(repository: str) -> str:
    try:
        from huggingface_hub import hf_hub_download, list_repo_files
    except ImportError:
        raise ImportError("a detector from the hub needs huggingface_hub: pip install 'pyface3d[hub]'") from None
    files = sorted(file for file in list_repo_files(repository) if file.endswith(".onnx") and "int8" not in file)
    if not files:
        raise ValueError(f"hub:{repository} holds no ONNX file")
    return hf_hub_download(repository, files[0])
