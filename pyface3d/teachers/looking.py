"""A face as teachers see it: the mean over crops, mirror images and teachers, and how far they are apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.camera import crop, crop_to_image
from pyface3d.landmarks import box_size
from pyface3d.reconstructor.views import View, unmirrored, views_around
from pyface3d.teachers.head_pose import HeadPose
from pyface3d.teachers.teacher import Teacher


@dataclass(frozen=True)
class Opinion:
    """What the teachers say of a face.

    Attributes:
        landmarks: (68, 2) in pixels of the picture; NaN for points that no teacher knows.
        spread: how far single looks are from these, root mean square, as a part of the face's size.
    """

    landmarks: Tensor
    spread: float


class Lookers:
    """Teachers that look at each face in several crops and their mirror images.

    Args:
        teachers: with what each counts.
        views: number of crops (:func:`pyface3d.reconstructor.views.views_around`); each is also seen mirrored.

    Raises:
        ValueError: no teacher, or less than one view.
    """

    def __init__(self, teachers: Sequence[tuple[Teacher, float]], views: int = 7) -> None:
        if not teachers:
            raise ValueError("Lookers: name at least one teacher")
        self.teachers, self.views = list(teachers), views_around(views)

    def __call__(self, pixels: Tensor, roi: Tensor) -> Opinion:
        """The mean of all looks at one face.

        Args:
            pixels: (3, H, W) uint8, RGB.
            roi: (4,) 3DDFA's square around the face.
        """
        looks, counts = [], []
        for teacher, share in self.teachers:
            found = look(teacher, pixels, roi, self.views)  # (2V, 68, 2)
            looks.append(found)
            counts.append(torch.full((len(found), 68), share / len(found)) * found.isfinite().all(2))
        points, weights = torch.cat(looks), torch.cat(counts)
        total = weights.sum(0)  # (68,)
        mean = (points.nan_to_num() * weights[..., None]).sum(0) / total[:, None]
        off = (points - mean).square().sum(2).nan_to_num()
        spread = ((off * weights).sum() / weights.sum()).sqrt() / box_size(mean[total > 0][None])[0]
        return Opinion(mean, float(spread))


def look(teacher: Teacher, pixels: Tensor, roi: Tensor, views: Sequence[View]) -> Tensor:
    """Landmarks (2V, 68, 2) in the picture, found in V crops and in their mirror images.

    Args:
        teacher: finds them.
        pixels: (3, H, W) uint8, RGB.
        roi: (4,) 3DDFA's square around the face.
        views: of the crops.
    """
    boxes, crops = _crops(teacher, pixels, roi, views)
    found = teacher(torch.cat([crops, crops.flip(3)]))
    straight, mirrored = found[: len(crops)], unmirrored(found[len(crops) :], teacher.size)
    return crop_to_image(torch.cat([straight, mirrored]), boxes.repeat(2, 1), teacher.size)


def look_at_pose(teacher: HeadPose, pixels: Tensor, roi: Tensor) -> Tensor:
    """Rotation (3, 3) of one face, of one look."""
    return teacher(_crops(teacher, pixels, roi, [View()])[1])[0]


def _crops(teacher: Teacher | HeadPose, pixels: Tensor, roi: Tensor, views: Sequence[View]) -> tuple[Tensor, Tensor]:
    """Boxes (V, 4) and crops (V, 3, S, S) of a teacher."""
    around = View(teacher.margin).boxes(roi[None].float())
    boxes = torch.cat([around if view == View() else view.boxes(around) for view in views])
    crops = crop(pixels, boxes, teacher.size)
    assert isinstance(crops, Tensor)
    return boxes, crops
