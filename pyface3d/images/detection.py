"""Where the faces are: the detectors by name. Needs no torch.

A detector is any callable ``detector(image, largest)``: an RGB picture (H, W, 3) uint8 to
:class:`pyface3d.images.Detections`, or to an array (F, 5) of left, top, right, bottom, score whose boxes tightly
surround the 68 landmarks. With ``largest`` only the largest face has to be among the answers, which may save work; it
is the same face as without.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyface3d.images.detections import Detections, areas
from pyface3d.images.yunet import YuNetDetector

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
        TypeError: neither a name nor a path nor a callable.
        ValueError: no such detector.

    Example:
        >>> len(load_detector("yunet")(np.zeros((120, 120, 3), np.uint8), True))
        0
    """
    if name is None or name == "whole":
        return whole_picture
    if callable(name):
        return name
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"detector must be a name, the path of a file or a callable, got {type(name).__name__}")
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


def _from_hub(repository: str) -> str:
    try:
        from huggingface_hub import hf_hub_download, list_repo_files
    except ImportError:
        raise ImportError("a detector from the hub needs huggingface_hub: pip install 'pyface3d[hub]'") from None
    files = sorted(file for file in list_repo_files(repository) if file.endswith(".onnx") and "int8" not in file)
    if not files:
        raise ValueError(f"hub:{repository} holds no ONNX file")
    return hf_hub_download(repository, files[0])
