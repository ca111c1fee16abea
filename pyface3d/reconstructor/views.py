"""Several looks at one face: where the further crops lie, and what a mirror image says."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.data.schemes import mirror_permutation

SHIFT, SPREAD = 0.04, 0.06  # of the crops around the first one: parts of its side


@dataclass(frozen=True)
class View:
    """Another crop of a face that was cropped before.

    Attributes:
        side: of the crop, in sides of the first one.
        x, y: how far it is moved, in sides of the first one.
    """

    side: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def boxes(self, rois: Tensor) -> Tensor:
        """The crops (F, 4) of the view, in whole pixels, as crops are cut.

        Args:
            rois: (F, 4) the first crops.

        Example:
            >>> View(0.5).boxes(torch.tensor([[0.0, 0.0, 8.0, 8.0]]))
            tensor([[2., 2., 6., 6.]])
        """
        span = rois[:, 2:] - rois[:, :2]
        center, half = (rois[:, :2] + rois[:, 2:]) / 2 + span * span.new_tensor([self.x, self.y]), self.side * span / 2
        return torch.cat([center - half, center + half], 1).round()


CLOSER = View(0.92)  # the best of seven second crops on 1,000 images of AFLW2000-3D


def views_around(count: int) -> list[View]:
    """So many crops: the first as it is, a closer one if there are two, else a ring of smaller and larger ones.

    Raises:
        ValueError: less than one.

    Example:
        >>> len(views_around(7)), views_around(1)
        (7, [View(side=1.0, x=0.0, y=0.0)])
    """
    if count < 1:
        raise ValueError(f"views must be at least 1, got {count}")
    if count <= 2:
        return [View(), CLOSER][:count]
    angles = [2 * math.pi * k / (count - 1) for k in range(count - 1)]
    ring = [
        View(1 + (SPREAD if k % 2 else -SPREAD), SHIFT * math.cos(angle), SHIFT * math.sin(angle))
        for k, angle in enumerate(angles)
    ]
    return [View(), *ring]


def unmirrored(points: Tensor, size: int) -> Tensor:
    """What landmarks (B, L, 2) found in mirror images of crops say of the crops themselves.

    Args:
        points: in pixels of the mirrored crops, in a scheme that :func:`mirror_permutation` knows.
        size: side of the crops.
    """
    turned = points[:, mirror_permutation(points.shape[1]).to(points.device)].clone()
    turned[..., 0] = size - 1 - turned[..., 0]
    return turned
