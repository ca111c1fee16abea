"""Opentrack's head-pose network: a second opinion on how a face is turned."""

import os

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from pyface3d.runtime.onnx_session import open_session

_UP = np.diag([1.0, -1.0, -1.0])  # its axes are the picture's: x right, y down, z away
_GRAY = torch.tensor([0.299, 0.587, 0.114])
_BRIGHT = 0.9  # the quantile of the grays that a dark picture is lightened by


class HeadPose:
    """Rotations of faces by opentrack's ``head-pose`` networks (ISC license).

    Args:
        path: ``head-pose-0.4-small-int8.onnx`` or one with the same input.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another network.

    Example:
        >>> pose = HeadPose("head-pose-0.4-small-int8.onnx")  # doctest: +SKIP
        >>> pose(torch.zeros(2, 3, 129, 129, dtype=torch.uint8)).shape  # doctest: +SKIP
        torch.Size([2, 3, 3])
    """

    name, size, margin = "head-pose", 129, 1.0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.session = open_session(path, f"teacher {self.name}", threads=torch.get_num_threads())
        outputs = {output.name for output in self.session.get_outputs()}
        shape = self.session.get_inputs()[0].shape
        if "quat" not in outputs or shape[1:] != [1, self.size, self.size]:
            raise ValueError(f"teacher {self.name}: the network must answer quat for (1, 1, 129, 129), got {shape}")
        self.input = self.session.get_inputs()[0].name

    def __call__(self, crops: Tensor) -> Tensor:
        """Rotations (V, 3, 3) in the y-up frame of poses, of crops (V, 3, 129, 129) uint8 RGB."""
        gray = (crops.float() * _GRAY[:, None, None]).sum(1).round().numpy()
        found = [self.session.run(["quat"], {self.input: _lit(picture)[None, None]})[0][0] for picture in gray]
        matrices = Rotation.from_quat(np.array(found).reshape(-1, 4)).as_matrix()
        return torch.from_numpy(_UP @ matrices @ _UP).float()


def _lit(picture: np.ndarray) -> np.ndarray:
    """A gray picture as the network was trained: about -0.5 to 0.5, dark ones lightened."""
    bright = float(np.quantile(picture, _BRIGHT))
    factor = _BRIGHT * 0.5 / max(5.0, bright) if bright < 127 else 1 / 255
    return (picture * factor - 0.5).astype(np.float32)


def angles_between(first: Tensor, second: Tensor) -> Tensor:
    """Degrees (B,) between rotations (B, 3, 3)."""
    trace = (first * second).sum((1, 2))
    return torch.rad2deg(((trace - 1) / 2).clamp(-1, 1).acos())
