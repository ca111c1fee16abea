"""What an ONNX file of ``pyface3d export`` says about itself: image format, parameter space, face model."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyface3d.foreign.damage import one_line
from pyface3d.runtime import crops

KEY = "pyface3d"
CROP_RULES = {"roi_from_landmarks": crops.roi_from_landmarks}
POSE_LENGTH = 12


@dataclass(frozen=True, eq=False)
class Card:
    """The parts of a model card that inference needs.

    Attributes:
        method: name of the method.
        face_model: name of the face model the parameters belong to.
        face_hash: its hash.
        size: side S of the crop in pixels.
        bgr: the network wants blue first.
        offset: subtracted from 0..255 values.
        scale: divides the difference.
        crop_rule: name of the rule that gives the crop its box around landmarks.
        mean: (P,) of the whitening.
        std: (P,) of the whitening.
        n_coeffs: shape coefficients K behind the twelve entries of the pose.
        flip: how the y-up pose frame reaches the crop.
    """

    method: str
    face_model: str
    face_hash: str
    size: int
    bgr: bool
    offset: float
    scale: float
    crop_rule: str
    mean: NDArray
    std: NDArray
    n_coeffs: int
    flip: str

    @classmethod
    def read(cls, metadata: dict[str, str], name: str) -> "Card":
        """The card in an ONNX file's metadata.

        Raises:
            ValueError: there is none, it is damaged, or it is of a method that answers position maps.
        """
        if KEY not in metadata:
            raise ValueError(
                f"runtime.OnnxReconstructor: {name} carries no model card; write it with 'pyface3d export'"
            )
        try:
            return cls._of(json.loads(metadata[KEY]))
        except Exception as error:  # JSON of any shape leads to errors of many types
            reason = f"its model card lacks {error}" if isinstance(error, KeyError) else one_line(error)
            raise ValueError(f"runtime.OnnxReconstructor: {name} cannot be used: {reason}") from error

    @classmethod
    def _of(cls, card: dict[str, Any]) -> "Card":
        images, space, face = card["images"], card["parameter_space"], card["face_model"]
        if space is None:
            raise ValueError(f"{card['method']} answers position maps; only methods with parameters run here")
        if images["crop"] not in CROP_RULES:
            raise ValueError(f"unknown rule {images['crop']!r} of the crop; this is an older pyface3d")
        size, offset, scale = int(images["size"]), float(images["offset"]), float(images["scale"])
        if not 1 <= size <= 4096 or not np.isfinite([offset, scale]).all() or scale == 0:
            raise ValueError(f"its images are of {size} pixels, offset {offset} and scale {scale}")
        if space["flip"] not in crops.FLIPS:
            raise ValueError(f"unknown flip {space['flip']!r}; this is an older pyface3d")
        mean, std, n_coeffs = _whitening(space)
        return cls(
            method=card["method"], face_model=face["name"], face_hash=face["hash"], size=size,
            bgr=images["channels"] == "BGR", offset=offset, scale=scale, crop_rule=images["crop"],
            mean=mean, std=std, n_coeffs=n_coeffs, flip=space["flip"],
        )  # fmt: skip

    def normalize(self, image: NDArray) -> NDArray:
        """A crop (S, S, 3) uint8 RGB -> network input (1, 3, S, S) float32."""
        planes = image[:, :, ::-1] if self.bgr else image
        return np.ascontiguousarray((planes.astype(np.float32) - self.offset) / self.scale).transpose(2, 0, 1)[None]


def _whitening(space: dict[str, Any]) -> tuple[NDArray, NDArray, int]:
    """Mean and deviation (P,), and the number of shape coefficients."""
    mean, std = (np.array(space[key], np.float32) for key in ("mean", "std"))
    n_coeffs = int(space["n_identity"]) + int(space["n_expression"])
    if mean.shape != std.shape or mean.ndim != 1 or len(mean) < POSE_LENGTH + n_coeffs:
        raise ValueError(f"its whitening tables are {mean.shape} and {std.shape}")
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all() and n_coeffs >= 0):
        raise ValueError("its whitening tables must be finite, with positive deviations")
    return mean, std, n_coeffs
