"""From a photo to a face with onnxruntime and the kernels: deployment without torch."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyface3d.foreign.damage import reading
from pyface3d.images.detection import Detector, load_detector
from pyface3d.runtime import crops
from pyface3d.runtime.card import CROP_RULES, Card
from pyface3d.runtime.model import load_model
from pyface3d.runtime.onnx_session import open_session
from pyface3d.runtime.placed_face import PlacedFace
from pyface3d.runtime.search import search


class OnnxReconstructor:
    """Runs an exported method on photos: onnxruntime for the network, the library's kernels for everything else.

    Args:
        onnx_path: file written by ``pyface3d export`` (:func:`pyface3d.methods.export_onnx`).
        model_path: the face model that the method was trained with, as ``MorphableModel.save`` writes it
            (safetensors or npz).
        threads: of the network and the kernels together; 0 for as many as the machine has.
        providers: onnxruntime's execution providers, the preferred one first.
        detector: of :meth:`find`, as :func:`pyface3d.images.load_detector` takes it; loaded when it is first needed.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: there is no such file.
        ValueError: the file carries no model card, or the face model is another than the method's.

    Example:
        >>> from pyface3d import runtime
        >>> reconstruct = runtime.OnnxReconstructor("mobile_frnet.onnx", "face.npz")  # doctest: +SKIP
        >>> face = reconstruct(photo, roi=(40, 30, 200, 190))  # doctest: +SKIP
        >>> face.vertices.shape, face.landmarks.shape  # doctest: +SKIP
        ((9409, 3), (68, 3))
    """

    def __init__(
        self,
        onnx_path: str | os.PathLike[str],
        model_path: str | os.PathLike[str],
        *,
        threads: int = 0,
        providers: tuple[str, ...] = ("CPUExecutionProvider",),
        detector: str | os.PathLike[str] | Detector = "yunet",
    ) -> None:
        path = Path(onnx_path)
        self._session, self.card = read_network(path, threads, providers)
        self.model = load_model(model_path)
        self.threads = threads
        self._detector = detector
        self._check_model(path.name)

    def __call__(
        self, image: NDArray, roi: ArrayLike | None = None, *, landmarks: ArrayLike | None = None
    ) -> PlacedFace:
        """The face of one photo.

        Args:
            image: (H, W, 3) uint8 RGB.
            roi: (4,) left, top, right, bottom of the square to cut out; None: the whole image is the crop.
            landmarks: (L, 2) or (L, 3) points to lay the crop around, by the method's rule; instead of ``roi``.

        Returns:
            The face in pixels of the photo.

        Raises:
            ValueError: another image, an empty box, or both ``roi`` and ``landmarks``.
        """
        if roi is not None and landmarks is not None:
            raise ValueError("runtime.OnnxReconstructor: pass roi or landmarks, not both")
        if landmarks is not None:
            roi = CROP_RULES[self.card.crop_rule](np.asarray(landmarks))
        if roi is None:
            roi = (0, 0, *np.shape(image)[1::-1])
        picture = self.card.normalize(crops.crop(image, roi, self.card.size))
        (whitened,) = self._session.run(["params"], {"image": picture})
        params = whitened[0] * self.card.std + self.card.mean
        return PlacedFace(self.model, params, np.asarray(roi, np.float32), self.card.size, self.card.flip, self.threads)

    def find(self, image: NDArray, *, largest: bool = False, passes: int = 2) -> list[PlacedFace]:
        """The faces of a photo, searched as ``pyface3d.Reconstructor`` does: same detector, crops and finds dropped.

        Args:
            image: (H, W, 3) uint8 RGB.
            largest: only the largest face, which is the first of all.
            passes: 2 crops again around the landmarks of the first pass; 1 does not.

        Raises:
            ImportError: OpenCV is not installed.
            ValueError: another image.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"runtime.find: image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
        return search(self, self.card.crop_rule, self.detector, image, largest, passes)

    @cached_property
    def detector(self) -> Detector:
        """What :meth:`find` searches with."""
        return load_detector(self._detector)

    def _check_model(self, name: str) -> None:
        if self.model.hash != self.card.face_hash:
            raise ValueError(
                f"runtime.OnnxReconstructor: {name} belongs to the face model {self.card.face_model} "
                f"({self.card.face_hash[:12]}), got {self.model.name} ({self.model.hash[:12]}): pass the right model"
            )
        if self.model.n_coeffs != self.card.n_coeffs:
            got, wanted = self.model.n_coeffs, self.card.n_coeffs
            raise ValueError(
                f"runtime.OnnxReconstructor: {name} answers {wanted} coefficients, the face model has {got}"
            )


def read_network(
    path: str | os.PathLike[str], threads: int = 0, providers: tuple[str, ...] = ("CPUExecutionProvider",)
) -> tuple[Any, Card]:
    """The onnxruntime session of an exported method, and its card.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or carries no model card.
    """
    session = open_session(path, "runtime.OnnxReconstructor", threads, providers)
    with reading(path, "runtime.OnnxReconstructor"):  # names and values that are no UTF-8
        metadata = session.get_modelmeta().custom_metadata_map
    return session, Card.read(metadata, os.fspath(path))
