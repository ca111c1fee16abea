"""A face seen several times: its crop, a closer one, and the mirror images of both, averaged."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pyface3d.camera import flip_y, pose_to_crop, pose_to_image, unflip_y
from pyface3d.data.mirror import Mirror, mirror_pose
from pyface3d.methods import Method, Reconstruction


class Refiner:
    """Averages what a method answers for two crops of a face and their mirror images: four times the network's cost.

    Coefficients are averaged after those of a mirror image are turned back (:class:`pyface3d.data.mirror.Mirror`), and
    poses in the photo; a method's pose is any affine map, and so is their mean.

    Args:
        method: answers parameters.

    Raises:
        ValueError: the method answers position maps.

    Example:
        >>> refine = Refiner(pyface3d.create_method("compact"))  # doctest: +SKIP
    """

    def __init__(self, method: Method) -> None:
        if method.space is None:
            raise ValueError(f"refine: only parameters can be averaged, {method.name} answers position maps")
        self.space, self.mirror = method.space, Mirror(method.model)

    def mean(self, answers: Sequence[Reconstruction], mirrored: Sequence[Reconstruction]) -> Reconstruction:
        """The mean face, in the crop of the first answer.

        Args:
            answers: of B faces, each placed in the photo; one for each crop.
            mirrored: of the mirror images of the same crops, with the roi of the crop itself.
        """
        turned = [self._turned_back(answer) for answer in mirrored]
        coeffs, poses = (torch.stack(column).mean(0) for column in zip(*map(_in_photo, [*answers, *turned])))
        first = answers[0]
        assert first.roi is not None
        pose = pose_to_crop(poses, first.roi, first.size, first.size, first.flip)
        return replace(first, coeffs=coeffs, crop_pose=pose, params=self.space.join(pose, coeffs))

    def _turned_back(self, answer: Reconstruction) -> Reconstruction:
        """What the answer for a mirror image says of the crop itself."""
        assert answer.coeffs is not None and answer.crop_pose is not None
        origin = flip_y(answer.crop_pose[:, None, :, 3], answer.size, answer.flip)  # (B, 1, 3) pixels
        origin = torch.cat([answer.size - 1 - origin[..., :1], origin[..., 1:]], 2)
        translation = unflip_y(origin, answer.size, answer.flip).mT
        pose = torch.cat([mirror_pose(answer.crop_pose)[..., :3], translation], 2)
        return replace(answer, coeffs=self.mirror.coeffs(answer.coeffs), crop_pose=pose, params=None)


def _in_photo(answer: Reconstruction) -> tuple[Tensor, Tensor]:
    """Coefficients, and poses in a y-up frame of the photo, whose height does not matter."""
    assert answer.coeffs is not None and answer.crop_pose is not None and answer.roi is not None
    return answer.coeffs, pose_to_image(answer.crop_pose, answer.roi, answer.size, answer.size, answer.flip)
