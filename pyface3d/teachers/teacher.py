"""What can teach: anything that finds the 68 landmarks of a crop. A method of the library is one."""

from typing import Protocol

import torch
from torch import Tensor

from pyface3d.methods import Method


class Teacher(Protocol):
    """A network whose landmarks become labels.

    Attributes:
        name: what reports call it.
        size: side of its crops in pixels.
        margin: side of its crops, in sides of 3DDFA's square around the landmarks.
    """

    name: str
    size: int
    margin: float

    def __call__(self, crops: Tensor) -> Tensor:
        """The landmarks of crops.

        Args:
            crops: (V, 3, size, size) uint8, RGB.

        Returns:
            (V, 68, 2) float32, where 300W-LP has them, in pixels of the crops, x right, y down; NaN for points that
            the network does not know.
        """
        ...


class MethodTeacher:
    """A method of the library as a teacher.

    Args:
        method: with weights; its face model must have the 68 landmarks.

    Example:
        >>> from pyface3d.methods.loading import load_method
        >>> teacher = MethodTeacher(load_method("compact"))
        >>> teacher(torch.zeros(2, 3, 120, 120, dtype=torch.uint8)).shape
        torch.Size([2, 68, 2])
    """

    def __init__(self, method: Method) -> None:
        self.method = method.deploy()
        self.name, self.size, self.margin = method.name, method.images.size, 1.0

    @torch.no_grad()
    def __call__(self, crops: Tensor) -> Tensor:
        """See :class:`Teacher`."""
        return self.method.predict(crops).landmarks[..., :2].float()
