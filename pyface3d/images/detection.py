"""Where the faces are: one small protocol, OpenCV's cascades as the default, YuNet for those who have its file.

A detector is any callable ``detector(image, largest) -> boxes``: an RGB picture (H, W, 3) uint8 to (F, 5) float32 rows
left, top, right, bottom, score, the best first. The boxes are those that tightly surround the 68 landmarks, so that
every detector hands the same crop to the methods; each knows what its own windows look like.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

Detector = Callable[[np.ndarray, bool], np.ndarray]


def load_detector(name: "str | os.PathLike[str] | Detector | None") -> Detector:
    """The detector of a name.

    Args:
        name: "cascades"; "whole" or None: the whole picture is one face's crop; the path of YuNet's ONNX file;
            "hub:owner/name" for one on the Hugging Face hub (extra ``hub``); or a detector, which is returned.

    Raises:
        ValueError: no such detector.

    Example:
        >>> boxes = load_detector("cascades")(np.zeros((120, 120, 3), np.uint8), True)
    """
    if name is None or name == "whole":
        return whole_picture
    if callable(name):
        return name
    text = os.fspath(name) if isinstance(name, os.PathLike) else str(name)
    if text == "cascades":
        return CascadeDetector()
    if text.startswith("hub:"):
        return YuNetDetector(_from_hub(text[4:]))
    if Path(text).suffix.lower() == ".onnx":
        return YuNetDetector(text)
    raise ValueError(f"detector must be 'cascades', 'whole', a YuNet .onnx file or 'hub:owner/name', got {text!r}")


def whole_picture(image: np.ndarray, largest: bool = True) -> np.ndarray:
    """The picture is a face's square crop already: the box whose crop is the picture."""
    height, width = image.shape[:2]
    side, shrunk = min(height, width), (1 - 0.5**0.5) / 2
    left, top = (width - side) / 2 + shrunk * side, (height - side) / 2 + shrunk * side
    return np.array([[left, top, left + side * 0.5**0.5, top + side * 0.5**0.5, 1.0]], np.float32)


class CascadeDetector:
    """OpenCV's frontal and profile cascades (Viola and Jones), the profile one also on the mirrored picture, merged.

    Searches a reduced picture first and finer ones only while nothing is found (``largest``); the profile cascades,
    which cost most, run where the frontal one is silent. With all faces wanted, the finest reduction is searched for
    frontal faces and the middle one for profiles; each find is then brought to one size and looked at again by all
    views, and stays if enough windows agree. The score is the number of those.

    On AFLW2000-3D it finds 93, 89 and 72 % of the faces up to 30, 60 and 90 degrees of yaw: use YuNet for large poses.

    Args:
        sides: the longer sides, in pixels, that the picture is reduced to, coarse to fine.
    """

    _CASCADES = {"frontal": "haarcascade_frontalface_alt2.xml", "profile": "haarcascade_profileface.xml"}
    _STEPS = {"frontal": 1.1, "profile": 1.05}
    # side and downward shift of the landmarks' box, in sides of the cascade's window (medians on AFLW)
    _TIGHT = {"frontal": (0.86, 0.146), "profile": (0.79, 0.15)}
    # least number of windows: on AFLW2000-3D drops an eighth of the faces found and four fifths of the other finds
    _AGREEING = 11

    def __init__(self, sides: tuple[int, ...] = (160, 480, 1280)) -> None:
        self.sides = sides
        self._local = threading.local()  # a cascade may be used by one thread at a time

    def __call__(self, image: np.ndarray, largest: bool = True) -> np.ndarray:
        """Boxes (F, 5) of an RGB picture (H, W, 3) uint8; with ``largest`` at most one row."""
        import cv2

        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        levels = self._levels(max(grey.shape))
        if not largest:
            views = self._search(grey, levels[-1], "frontal"), self._search(grey, levels[:2][-1], "profile")
            boxes = merge_boxes(np.concatenate(views))
            boxes[:, 4] = [self._agreement(grey, box) for box in boxes]
            boxes = boxes[boxes[:, 4] >= self._AGREEING]
            return boxes[np.argsort(-boxes[:, 4], kind="stable")]
        for side in levels:
            for view in ("frontal", "profile"):
                boxes = self._search(grey, side, view)
                if len(boxes):
                    return boxes[[np.argmax(_area(boxes))]]
        return np.zeros((0, 5), np.float32)

    def _levels(self, longest: int) -> list[int]:
        """The sides to search: none twice for a picture smaller than that."""
        return [side for i, side in enumerate(self.sides) if i == 0 or longest > self.sides[i - 1]]

    def _search(self, grey: np.ndarray, side: int, view: str) -> np.ndarray:
        """Boxes (F, 5) in the picture, found in its reduction to ``side`` pixels; profiles in its mirror image too."""
        import cv2

        scale = min(1.0, side / max(grey.shape))
        size = [max(1, round(length * scale)) for length in grey.shape[::-1]]
        reduced = grey if scale == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        boxes = self._run(view, reduced)
        if view == "profile":
            mirrored = self._run(view, np.ascontiguousarray(reduced[:, ::-1]))
            mirrored[:, [0, 2]] = reduced.shape[1] - mirrored[:, [2, 0]]
            boxes = np.concatenate([boxes, mirrored])
        boxes[:, :4] /= scale
        return boxes

    def _run(self, view: str, grey: np.ndarray) -> np.ndarray:
        windows, _, weights = self._cascade(view).detectMultiScale3(
            grey, self._STEPS[view], 2, minSize=(20, 20), outputRejectLevels=True
        )
        if not len(windows):
            return np.zeros((0, 5), np.float32)
        x, y, side, _ = np.asarray(windows, np.float32).T
        factor, down = self._TIGHT[view]
        x, y, half = x + side / 2, y + side * (0.5 + down), side * factor / 2
        return np.stack([x - half, y - half, x + half, y + half, np.ravel(weights)], axis=1).astype(np.float32)

    def _agreement(self, grey: np.ndarray, box: np.ndarray) -> int:
        """How many windows of all views see a face in twice the box, enlarged or reduced to 160 pixels."""
        import cv2

        side = max(2, round(2 * float(box[2] - box[0])))
        centre = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
        around = cv2.getRectSubPix(grey, (side, side), centre)
        around = cv2.resize(around, (160, 160), interpolation=cv2.INTER_AREA if side > 160 else cv2.INTER_LINEAR)
        mirrored = np.ascontiguousarray(around[:, ::-1])
        count = 0
        for view, picture in (("frontal", around), ("profile", around), ("profile", mirrored)):
            _, windows = self._cascade(view).detectMultiScale2(
                picture, self._STEPS[view], 1, minSize=(40, 40), maxSize=(150, 150)
            )
            count += int(np.max(windows, initial=0))
        return count

    def _cascade(self, view: str):  # noqa: ANN202 (a cv2 type without a public name)
        import cv2
        from cv2.data import haarcascades

        if not hasattr(self._local, view):
            cascade = cv2.CascadeClassifier(os.path.join(haarcascades, self._CASCADES[view]))
            setattr(self._local, view, cascade)
        return getattr(self._local, view)


class YuNetDetector:
    """YuNet (Wu et al. 2023) through ``cv2.FaceDetectorYN``, from the ONNX file of OpenCV's model zoo.

    Args:
        path: the ONNX file.
        threshold: least score.
        side: pictures whose longer side exceeds this are reduced to it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is none of YuNet.
    """

    # side and downward shift of the landmarks' box, in sides of the detector's box, which includes the forehead
    _TIGHT = (0.92, 0.10)

    def __init__(self, path: str | os.PathLike[str], threshold: float = 0.6, side: int = 640) -> None:
        if not os.path.isfile(path):
            raise FileNotFoundError(f"YuNetDetector: no file {os.fspath(path)}")
        self.path, self.threshold, self.side = os.fspath(path), threshold, side
        self._local = threading.local()
        self._local.network = self._open()  # a file that is none fails here, before the photos

    def _open(self):  # noqa: ANN202 (a cv2 type without a public name)
        import cv2

        try:
            return cv2.FaceDetectorYN.create(self.path, "", (320, 320), self.threshold)
        except cv2.error:
            raise ValueError(f"YuNetDetector: {self.path} is not an ONNX file of YuNet (OpenCV's model zoo)") from None

    def __call__(self, image: np.ndarray, largest: bool = True) -> np.ndarray:
        """Boxes (F, 5) of an RGB picture (H, W, 3) uint8; with ``largest`` at most one row."""
        import cv2

        scale = min(1.0, self.side / max(image.shape[:2]))
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        if not hasattr(self._local, "network"):
            self._local.network = self._open()
        self._local.network.setInputSize(bgr.shape[1::-1])
        faces = self._local.network.detect(bgr)[1]
        if faces is None:
            return np.zeros((0, 5), np.float32)
        left, top, width, height = faces[:, :4].T / scale
        factor, down = self._TIGHT
        side = (width + height) / 2
        x, y, half = left + width / 2, top + height / 2 + down * side, factor * side / 2
        boxes = np.stack([x - half, y - half, x + half, y + half, faces[:, 14]], axis=1).astype(np.float32)
        return boxes[np.argsort(-_area(boxes))][:1] if largest else boxes


def merge_boxes(boxes: np.ndarray, overlap: float = 0.35) -> np.ndarray:
    """One box for each group of boxes (F, 5) that overlap: the one with the best score; the best first.

    Two boxes belong together when their intersection exceeds ``overlap`` of the smaller one.
    """
    order = np.argsort(-boxes[:, 4], kind="stable")
    kept: list[int] = []
    for i in order:
        if all(_shared(boxes[i], boxes[j]) <= overlap for j in kept):
            kept.append(int(i))
    return boxes[kept].astype(np.float32).reshape(-1, 5)


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min(_area(a[None])[0], _area(b[None])[0])
    return float(max(0.0, width) * max(0.0, height) / max(smaller, 1e-9))


def _from_hub(repository: str) -> str:
    try:
        from huggingface_hub import hf_hub_download, list_repo_files
    except ImportError:
        raise ImportError("a detector from the hub needs huggingface_hub: pip install 'pyface3d[hub]'") from None
    files = sorted(file for file in list_repo_files(repository) if file.endswith(".onnx") and "int8" not in file)
    if not files:
        raise ValueError(f"hub:{repository} holds no ONNX file")
    return hf_hub_download(repository, files[0])
