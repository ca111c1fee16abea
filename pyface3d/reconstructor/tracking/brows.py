"""Brows of one face through a video, read against the mean of its own pictures.

Where a person's brows lie at rest shows in no single photo: a raised brow and a high one look alike. A second small
network (``scripts/train_brows.py``) is shown a frame's close-ups beside the mean of those before and answers how far
the weights are from the mean's own.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import torch

from pyface3d.reconstructor.closeup_arrays import convolve
from pyface3d.reconstructor.closeups import CLOSEUP_NAMES, PIXELS, REGIONS, Closeups, cut_region, look_closer, turned

if TYPE_CHECKING:
    from pyface3d.reconstructor.face import Face

SIDE = 42  # pixels of a close-up, as large as those of a photo's own: a wider window
WINDOW = replace(REGIONS["eye"], half=REGIONS["eye"].half * (SIDE - 1) / (PIXELS - 1))
HIDDEN = 0.6  # as a sine: a face that is turned so much shows one eye alone
_LONGEST = 300  # frames after which older ones are forgotten: light changes
# number of a close-up's weight, column of the network's answer, eyes that show it; lids are read as well from one frame
_BROWS = [
    (CLOSEUP_NAMES.index(f"{name}{side}"), WINDOW.names.index(f"{name}Right"), [eye])
    for name in ("browDown", "browOuterUp")
    for eye, side in enumerate(("Right", "Left"))
] + [(CLOSEUP_NAMES.index("browInnerUp"), WINDOW.names.index("browInnerUp"), [0, 1])]


def build() -> torch.nn.Module:
    """The small network: frame less mean and mean of an eye, and both of the other one, (B, 4, 42, 42) to (B, 6)."""
    layers: list[torch.nn.Module] = []
    for come, go, side in ((4, 16, 5), (16, 24, 3), (24, 32, 3)):
        layers += [torch.nn.Conv2d(come, go, side, stride=2, padding=side // 2), torch.nn.ReLU()]
    last = [torch.nn.Flatten(), torch.nn.Linear(32 * 36, 24), torch.nn.ReLU(), torch.nn.Linear(24, len(WINDOW.names))]
    return torch.nn.Sequential(*layers, *last)


class BrowArrays:
    """What :func:`build` computes in NumPy, where a call of torch takes longer than its computing.

    Args:
        arrays: its tensors by name.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        given = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        self._convs = []
        for k in (0, 2, 4):
            weight = given[f"{k}.weight"]  # (O, C, k, k)
            rows = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))
            self._convs.append((rows, given[f"{k}.bias"], weight.shape[2]))
        hidden = given["7.weight"].reshape(-1, len(given["4.bias"]), 6, 6).transpose(0, 2, 3, 1)
        self._hidden = np.ascontiguousarray(hidden.reshape(len(hidden), -1).T), given["7.bias"]
        self._last = np.ascontiguousarray(given["9.weight"].T), given["9.bias"]

    @staticmethod
    @cache
    def embedded() -> "BrowArrays":
        """Those that ship with the package."""
        with resources.files("pyface3d.assets").joinpath("brows.npz").open("rb") as stream, np.load(stream) as arrays:
            return BrowArrays(dict(arrays))

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (B, 4, 42, 42) float32 to changes of weights (B, 6)."""
        maps = pictures.transpose(0, 2, 3, 1)
        for rows, bias, side in self._convs:
            maps = convolve(maps, rows, bias, side)
        hidden = np.maximum(maps.reshape(len(maps), -1) @ self._hidden[0] + self._hidden[1], 0)
        return hidden @ self._last[0] + self._last[1]


def closeups_of_eyes(gray: np.ndarray, pose: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(2, 42, 42) of the subject's right eye and of the left one, mirrored; arguments of :func:`cut_region`."""
    return np.stack([cut_region(gray, pose, rest, WINDOW, other, SIDE) for other in (False, True)])


def beside_mean(eyes: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The network's pictures (2, 4, 42, 42) of a frame's close-ups and their mean, both (2, 42, 42)."""
    pairs = np.stack([eyes - mean, mean], 1)  # (2, 2, 42, 42)
    return np.concatenate([pairs, pairs[::-1]], 1).astype(np.float32)


class Brows:
    """What the close-ups of one face show, frame after frame."""

    def __init__(self) -> None:
        self._frames = 0
        self._eyes = np.zeros((2, SIDE, SIDE))  # mean close-ups of the frames so far
        self._weights = np.zeros(len(CLOSEUP_NAMES))  # and the mean of what they were read as

    def read(self, face: "Face") -> np.ndarray | None:
        """As :func:`pyface3d.reconstructor.closeups.read_closeups`, brows from the change as well.

        Args:
            face: of the next frame.

        Returns:
            (13,) weights in [0, 1], or None for faces of other models and for maps.
        """
        near = look_closer(face)
        if near is None:
            return None
        seen = Closeups.embedded().read_gray(*near)
        eyes = closeups_of_eyes(*near)
        answer = self._changed(seen, eyes, float(turned(near[1])[0])) if self._frames else seen
        self._frames = min(self._frames + 1, _LONGEST)
        self._eyes += (eyes - self._eyes) / self._frames
        self._weights += (seen - self._weights) / self._frames
        return answer

    def _changed(self, seen: np.ndarray, eyes: np.ndarray, turn: float) -> np.ndarray:
        """The weights with brows halfway between what is seen and the mean with its change."""
        right, left = BrowArrays.embedded()(beside_mean(eyes, self._eyes))
        if abs(turn) > HIDDEN:  # the near eye speaks for both
            right, left = (left, left) if turn > 0 else (right, right)
        changes, answer = np.stack([right, left]), seen.copy()
        for at, column, sides in _BROWS:
            answer[at] = (seen[at] + self._weights[at] + changes[sides, column].mean()) / 2
        return np.clip(answer, 0, 1)
