"""Landmark networks of others in ONNX files: OpenSeeFace's and Peppa's."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pyface3d.runtime.onnx_session import open_session

if TYPE_CHECKING:
    from pyface3d.teachers.teacher import Teacher

_IMAGENET = torch.tensor([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]])  # mean and deviation of RGB, 0..255
_OUTER_CORNERS = (48, 54)  # of the mouth: OpenSeeFace has 66 points


class _Network:
    """An ONNX file that takes crops of ``size`` pixels, for a teacher called ``name``.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another network.
    """

    name: str
    size: int

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.session = open_session(path, f"teacher {self.name}", threads=torch.get_num_threads())
        first, size = self.session.get_inputs()[0], self.size
        if tuple(first.shape[1:]) != (3, size, size):
            raise ValueError(f"teacher {self.name}: the network must take (B, 3, {size}, {size}), got {first.shape}")
        self.input = first.name


class OpenSeeFace(_Network):
    """OpenSeeFace's ``lm_model`` (BSD-2-Clause): 66 heat maps of 28 x 28 with offsets; iBUG's but two mouth corners.

    Args:
        path: ``lm_model0_opt.onnx`` to ``lm_model4_opt.onnx``, of 224 pixels.

    Example:
        >>> teacher = OpenSeeFace("lm_model0_opt.onnx")  # doctest: +SKIP
    """

    name, size, margin = "openseeface", 224, 0.9  # the margin is the best of three on AFLW2000-3D

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self.places = torch.tensor([k for k in range(68) if k not in _OUTER_CORNERS])

    def __call__(self, crops: Tensor) -> Tensor:
        """See :class:`pyface3d.teachers.Teacher`."""
        mean, deviation = _IMAGENET[:, None, :, None, None]
        images = ((crops.float() - mean) / deviation).numpy()
        maps = torch.from_numpy(self.session.run(None, {self.input: images})[0]).flatten(2)  # (V, 198, 784)
        side, last = 28, self.size - 1
        best = maps[:, :66].argmax(2, keepdim=True)  # (V, 66, 1)
        down, right = (_logit(maps[:, part].gather(2, best)[..., 0]) for part in (slice(66, 132), slice(132, 198)))
        row, column = best[..., 0] // side, best[..., 0] % side
        found = torch.stack([column / (side - 1) + right, row / (side - 1) + down], 2) * last
        points = torch.full((len(crops), 68, 2), torch.nan)
        points[:, self.places] = found
        return points


def _logit(values: Tensor) -> Tensor:
    """OpenSeeFace's offsets, in sides of the picture."""
    return torch.logit(values, 1e-7) / 16


class Peppa(_Network):
    """Peppa's ``slim_160`` (Apache-2.0): the 68 points by regression.

    Args:
        path: ``slim_160_latest.onnx``.

    Example:
        >>> teacher = Peppa("slim_160_latest.onnx")  # doctest: +SKIP
    """

    name, size, margin = "peppa", 160, 0.95  # the margin is the best of five on AFLW2000-3D

    def __call__(self, crops: Tensor) -> Tensor:
        """See :class:`pyface3d.teachers.Teacher`."""
        images = ((crops.flip(1).float() - 127) / 127).numpy()  # BGR
        rows = [self.session.run(None, {self.input: image[None]})[0][0, :136] for image in images]  # batches of one
        return torch.from_numpy(np.stack(rows).reshape(-1, 68, 2)) * self.size


#: landmark networks by the name that ``pyface3d label --teacher NAME=FILE`` gives them
NETWORKS: "dict[str, Callable[[Path], Teacher]]" = {"openseeface": OpenSeeFace, "peppa": Peppa}
