"""YuNet, the embedded detector, through OpenCV. Needs no torch."""

import os
import threading
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyface3d.images.detections import Detections, areas
from pyface3d.images.framing import Framing

_SMALL = 24  # pixels of the first level: smaller faces are the second level's
_LEAST = 10  # pixels of the picture: smaller finds have nothing to reconstruct
_NARROWEST = 32  # pixels: the network's coarsest stride


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023): boxes with five points.

    The picture is searched twice: reduced to ``sides[0]`` squared pixels for all faces, and to ``sides[1]`` squared
    for those too small to be seen there. The second search is left out where only the largest face is wanted and the
    first has it, and where the picture is no larger. On 1,000 photos of AFLW2000-3D it finds 99.7, 99.5 and 97.5 % of
    the faces with up to 30, 60 and 90 degrees of yaw.

    Args:
        path: an ONNX file of YuNet; None: the embedded one (``yunet_n_320_320``).
        threshold: least score.
        sides: square roots of the pixels that a picture is reduced to.

    Raises:
        FileNotFoundError: no such file.
        ImportError: OpenCV is not installed.
        ValueError: the file is none of YuNet.

    Example:
        >>> len(YuNetDetector()(np.zeros((120, 120, 3), np.uint8)))
        0
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        threshold: float = 0.5,
        sides: tuple[int, int] = (256, 1024),
    ) -> None:
        if path is not None and not os.path.isfile(path):
            raise FileNotFoundError(f"YuNetDetector: no file {os.fspath(path)}")
        self.name = "the embedded file" if path is None else os.fspath(path)
        embedded = resources.files("pyface3d.assets").joinpath("detector/yunet_n_320_320.onnx")
        self._weights = embedded.read_bytes() if path is None else Path(path).read_bytes()
        self.threshold, self.sides = threshold, sides
        self._local = threading.local()  # a network may be used by one thread at a time
        self._local.network = self._open()  # a file that is none fails here, before the photos

    def __call__(self, image: NDArray, largest: bool = False) -> Detections:
        """The faces of an RGB picture (H, W, 3) uint8, the largest first.

        Args:
            image: the picture.
            largest: only the first of them.
        """
        scale = min(1.0, self.sides[0] / (image.shape[0] * image.shape[1]) ** 0.5)
        found = self._search(image, self.sides[0])
        extent = np.sqrt(areas(found.boxes)) * scale
        if scale < 1 and not (largest and (extent >= _SMALL).any()):
            smaller = self._search(image, self.sides[1])
            if len(found):
                smaller = smaller[np.sqrt(areas(smaller.boxes)) * scale < _SMALL]
            found = _joined(found, smaller)
        found = found[np.sqrt(areas(found.boxes)) >= _LEAST]
        found = found[np.argsort(-areas(found.boxes), kind="stable")]
        return found[:1] if largest else found

    def _search(self, image: NDArray, side: int) -> Detections:
        """The faces that can be seen in the picture's reduction to ``side`` squared pixels."""
        import cv2

        scale = min(1.0, side / (image.shape[0] * image.shape[1]) ** 0.5)
        size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
        reduced = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
        bgr = cv2.cvtColor(reduced, cv2.COLOR_RGB2BGR)
        right, bottom = (max(0, _NARROWEST - length) for length in size)
        if right or bottom:
            bgr = cv2.copyMakeBorder(bgr, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        if not hasattr(self._local, "network"):
            self._local.network = self._open()
        self._local.network.setInputSize(bgr.shape[1::-1])
        rows = self._local.network.detect(bgr)[1]
        rows = np.zeros((0, 15), np.float32) if rows is None else rows[np.isfinite(rows).all(1)]
        stretch = np.array(image.shape[1::-1], np.float64) / size  # of the two sides, which were rounded
        corners = np.stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)  # (F, 2, 2)
        points = rows[:, 4:14].reshape(-1, 5, 2)
        boxes = (corners * stretch).reshape(-1, 4)
        return Detections(boxes, rows[:, 14], (points + 0.5) * stretch - 0.5, Framing.yunet())

    def _open(self) -> Any:
        try:
            import cv2
        except ImportError:
            raise ImportError("YuNetDetector needs OpenCV: pip install opencv-python-headless") from None
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # OpenCV 5 warns of its own default target
        try:
            weights = np.frombuffer(self._weights, np.uint8)
            return cv2.FaceDetectorYN.create("onnx", weights, np.zeros(0, np.uint8), (320, 320), self.threshold)
        except cv2.error:
            raise ValueError(f"YuNetDetector: {self.name} is not an ONNX file of YuNet (OpenCV's model zoo)") from None
        finally:
            cv2.utils.logging.setLogLevel(level)


def _joined(found: Detections, smaller: Detections) -> Detections:
    """Both; of the second those that share no more than a third of their area with one of the first."""
    new = [not len(found) or _shared(box, found.boxes).max() <= areas(box[None])[0] / 3 for box in smaller.boxes]
    smaller = smaller[np.array(new, bool)]
    boxes, scores, points = (
        np.concatenate([getattr(part, name) for part in (found, smaller)]) for name in ("boxes", "scores", "points")
    )
    return Detections(boxes, scores, points, found.framing)


def _shared(box: NDArray, boxes: NDArray) -> NDArray:
    """(F,) square pixels that a box (4,) has in common with boxes (F, 4)."""
    extent = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.clip(extent, 0, None).prod(1)
