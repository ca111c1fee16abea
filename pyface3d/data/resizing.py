"""Crops and everything that counts their pixels, at another size."""

import torch
from torch import Tensor
from torch.nn import functional

from pyface3d.camera import flip_y, unflip_y
from pyface3d.data.sample import Sample


def resized(sample: Sample, size: int, flip: str = "face3d") -> Sample:
    """A sample whose crop has another side, with all that counts its pixels; pixel centers are whole numbers.

    Args:
        sample: its crop is square.
        size: wanted side.
        flip: how the y axis of ``params`` reaches pixels, see :func:`pyface3d.camera.flip_y`.

    Example:
        >>> import torch
        >>> sample = resized({"image": torch.zeros(3, 120, 120, dtype=torch.uint8)}, 256)
        >>> sample["image"].shape
        torch.Size([3, 256, 256])
    """
    side = sample["image"].shape[-1]
    if side == size:
        return sample
    ratio, changed = size / side, Sample(**sample)  # type: ignore[typeddict-item]
    image = functional.interpolate(sample["image"][None].float(), (size, size), mode="bilinear", antialias=True)
    changed["image"] = image[0].round().clamp(0, 255).to(torch.uint8)
    if "landmarks" in sample:
        changed["landmarks"] = moved(sample["landmarks"], ratio)
    if "params" in sample:
        pose = sample["params"][:12].view(3, 4)
        origin = moved(flip_y(pose[None, None, :, 3], side, flip), ratio)
        pose = torch.cat([pose[:, :3] * ratio, unflip_y(origin, size, flip)[0].mT], 1)
        changed["params"] = torch.cat([pose.flatten(), sample["params"][12:]])
    if "position_map" in sample:
        maps = sample["position_map"]
        changed["position_map"] = moved(maps.flatten(1).mT, ratio).mT.reshape(maps.shape)
    return changed


def moved(points: Tensor, ratio: float) -> Tensor:
    """Points (..., 2 or 3) in pixels of a picture, in those of the same picture ``ratio`` times as large."""
    flat = (points[..., :2] + 0.5) * ratio - 0.5
    return flat if points.shape[-1] == 2 else torch.cat([flat, points[..., 2:] * ratio], -1)
