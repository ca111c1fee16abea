"""What eyes, brows and mouth do, read from the photo itself: a face model's few expression columns do not hold it all.

A region of the face is cut out as if it were seen from the front, made gray and of one contrast, and a small network
(``scripts/train_closeups.py``, trained on synthetic portraits) answers ARKit's weights. What a person looks like at
rest shows in them as well: they tell one frame from another better than one person from another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from pyface3d.morphable import MorphableModel
from pyface3d.morphable.default import arkit_twin
from pyface3d.reconstructor.closeup_arrays import CloseupArrays

if TYPE_CHECKING:
    from pyface3d.reconstructor.face import Face

PIXELS = 32  # side of a cut
_STEADY = 8.0  # gray levels added to the spread: noise on a plain skin stays small


@dataclass(frozen=True)
class Region:
    """A window on the plane of the face, and what is read in it.

    Attributes:
        points: of the 68 landmarks at rest, whose mean is the window's middle; on the subject's right where there are
            two sides.
        up: how far the window's middle is above that, in eye distances.
        half: half of the window's side in eye distances.
        names: ARKit's names of the weights, the subject's right side.
        mirrored: whether the other eye is read in the mirror image.
    """

    points: tuple[int, ...]
    up: float
    half: float
    names: tuple[str, ...]
    mirrored: bool = False


REGIONS = {
    "eye": Region(
        (36, 39), 0.15, 0.42,
        ("eyeBlinkRight", "eyeSquintRight", "eyeWideRight", "browDownRight", "browOuterUpRight", "browInnerUp"), True,
    ),
    "mouth": Region(
        (48, 54), -0.05, 0.6,
        ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmileRight", "mouthSmileLeft", "mouthFrownRight",
         "mouthFrownLeft"),
    ),
}  # fmt: skip
_OTHER_EYE = (42, 45)
_HIDDEN = 0.6  # the far eye of a face that is turned so much, as a sine, is not read
EYE_NAMES = tuple(
    dict.fromkeys(name.replace("Right", side) for name in REGIONS["eye"].names for side in ("Right", "Left"))
)
#: in the order of the numbers of :meth:`Closeups.read`
CLOSEUP_NAMES = (*EYE_NAMES, *REGIONS["mouth"].names)


def cut_region(
    gray: np.ndarray, pose: np.ndarray, rest: np.ndarray, region: Region, other: bool = False, pixels: int = PIXELS
) -> np.ndarray:
    """The region as (S, S) float32 of one contrast, mirrored where it is the other eye.

    Args:
        gray: (H, W) uint8 or float32.
        pose: (3, 4) affine map from the model frame to the picture's pixels, y down.
        rest: (68, 3) landmarks of the person at rest, in the model frame.
        region: which.
        other: the subject's left eye.
        pixels: S, of the whole side; the usual 32 by default.
    """
    eyes = (rest[36:42].mean(0), rest[42:48].mean(0))
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    center = rest[list(_OTHER_EYE if other else region.points)].mean(0) + np.array([0.0, region.up * unit, 0.0])
    step = 2 * region.half * unit / (pixels - 1)
    across, down = pose[:2, 0] * (-step if other else step), pose[:2, 1] * -step
    first = pose[:2, :3] @ center + pose[:2, 3] - (across + down) * (pixels - 1) / 2
    matrix = np.column_stack([across, down, first])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(gray, matrix, (pixels, pixels), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )
    return (cut - cut.mean()) / (cut.std() + _STEADY)


def build(count: int) -> torch.nn.Module:
    """The small network of a region: cut and angles (B, 1026) to weights (B, count)."""
    conv = lambda come, go, side: torch.nn.Sequential(  # noqa: E731
        torch.nn.Conv2d(come, go, side, stride=2, padding=side // 2), torch.nn.ReLU()
    )
    return _Closeup(torch.nn.Sequential(conv(1, 12, 5), conv(12, 24, 3), conv(24, 48, 3)), count)


class _Closeup(torch.nn.Module):
    def __init__(self, trunk: torch.nn.Module, count: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = torch.nn.Sequential(torch.nn.Linear(48 * 16 + 2, 64), torch.nn.ReLU(), torch.nn.Linear(64, count))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        cuts, angles = inputs[:, :-2].reshape(-1, 1, PIXELS, PIXELS), inputs[:, -2:]
        return self.head(torch.cat([self.trunk(cuts).flatten(1), angles], 1))


def turned(pose: np.ndarray, other: bool = False) -> np.ndarray:
    """(2,) how far the face is turned to its side and up: of the window's foreshortening."""
    (a, b, c), (d, e, f) = pose[:2, :3].tolist()
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d  # the cross product: np.cross takes a tenth of a millisecond
    size = max((x * x + y * y + z * z) ** 0.5, 1e-12)
    return np.array([(-x if other else x) / size, y / size], np.float32)


class Closeups:
    """The small networks of the regions.

    Args:
        arrays: tensors of :func:`build` by ``<region>.<name>``.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.networks = {}
        for region in REGIONS:
            own = {name.removeprefix(f"{region}."): array for name, array in arrays.items() if name.startswith(region)}
            self.networks[region] = CloseupArrays(own, PIXELS)

    @staticmethod
    @cache
    def embedded() -> "Closeups":
        """Those that ship with the package."""
        with (
            resources.files("pyface3d.assets").joinpath("closeups.npz").open("rb") as stream,
            np.load(stream) as arrays,
        ):
            return Closeups(dict(arrays))

    def read(self, pixels: np.ndarray, pose: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """(13,) weights in [0, 1] of ``CLOSEUP_NAMES``.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            pose: (3, 4) affine map from the model frame to its pixels, y down.
            rest: (68, 3) landmarks of the person at rest, in the model frame.
        """
        return self.read_gray(*gray_around(pixels, pose, rest), rest)

    def read_gray(self, gray: np.ndarray, pose: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """The same of a gray picture (H, W) float32 around a face and the pose in it."""
        right, left = self._answer("eye", gray, pose, rest, (False, True))
        turn = turned(pose)[0]
        if abs(turn) > _HIDDEN:  # the near eye speaks for both
            right, left = (left, left) if turn > 0 else (right, right)
        eyes = dict(zip(REGIONS["eye"].names, right.tolist()))
        for name, weight in zip(REGIONS["eye"].names, left.tolist()):
            other_name = name.replace("Right", "Left")
            eyes[other_name] = weight if other_name != name else (weight + eyes[name]) / 2
        mouth = self._answer("mouth", gray, pose, rest, (False,))[0]
        return np.concatenate([[eyes[name] for name in EYE_NAMES], mouth])

    def _answer(
        self, region: str, gray: np.ndarray, pose: np.ndarray, rest: np.ndarray, sides: tuple[bool, ...]
    ) -> np.ndarray:
        """(S, O) weights of the region's sides, all at once."""
        rows = [
            np.concatenate([cut_region(gray, pose, rest, REGIONS[region], other).ravel(), turned(pose, other)])
            for other in sides
        ]
        return self.networks[region](np.stack(rows).astype(np.float32))


def merge_weights(fitted: Mapping[str, float], seen: np.ndarray) -> dict[str, float]:
    """ARKit's weights of a fitted expression with those that close-ups show: eyes from these, the mouth from both."""
    merged = dict(fitted)
    for name, weight in zip(CLOSEUP_NAMES, np.clip(seen, 0, 1).tolist()):
        merged[name] = weight if name in EYE_NAMES else (weight + merged[name]) / 2
    return merged


def read_closeups(face: "Face") -> np.ndarray | None:
    """(13,) what the close-ups of a face of the embedded model show; None for faces of other models and for maps."""
    near = look_closer(face)
    return None if near is None else Closeups.embedded().read_gray(*near)


def look_closer(face: "Face") -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The gray picture around a face, the pose in it and its landmarks at rest; None as in :func:`read_closeups`."""
    answer = face.reconstruction
    if answer.coeffs is None or answer.position_map is not None or arkit_twin(answer.model) is None:
        return None
    pose = face.photo.pose_to_memory(face.photo_pose)
    rest = landmarks_at_rest(answer.model, answer.coeffs)
    return *gray_around(face.photo.pixels, pose, rest), rest


def landmarks_at_rest(model: MorphableModel, coeffs: torch.Tensor) -> np.ndarray:
    """(68, 3) landmarks of coefficients (1, K) without their expression, in the model frame."""
    rest = coeffs.detach().clone()
    rest[:, model.n_identity :] = 0
    return model.landmark_points(rest)[0].double().cpu().numpy()


def gray_around(pixels: np.ndarray, pose: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gray picture around a face, no finer than the cuts, and the pose in it."""
    seen = rest @ pose[:2, :3].T + pose[:2, 3]
    margin = 0.3 * np.ptp(seen, axis=0).max()
    limits = np.array(pixels.shape[1::-1])
    low = np.clip(np.floor(seen.min(0) - margin), 0, limits - 1).astype(int)
    high = np.clip(np.ceil(seen.max(0) + margin), low + 1, limits).astype(int)
    moved = np.array(pose, np.float64)
    moved[:2, 3] -= low
    gray = cv2.cvtColor(np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    unit = np.linalg.norm(rest[42:48].mean(0) - rest[36:42].mean(0)) * np.linalg.norm(pose[:2, 1])
    step = 2 * REGIONS["eye"].half * unit / PIXELS  # pixels of the picture for one of a cut
    if step > 1:
        size = np.maximum(1, np.round((high - low) / step)).astype(int)
        gray = cv2.resize(gray, size.tolist(), interpolation=cv2.INTER_AREA)
        factor = size / (high - low)
        moved[:2] *= factor[:, None]
        moved[:2, 3] += (factor - 1) / 2  # pixel centers are at integers
    return gray.astype(np.float32), moved
