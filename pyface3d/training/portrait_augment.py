"""Augmentation of portraits that are seen more than once: moved crops, colors, noise and erased patches."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pyface3d.data.augment import move


class PortraitAugment:
    """Changes a batch of portraits together with its labels, and resizes the pictures to what the network sees.

    :class:`pyface3d.data.Augment` changes any batch, at its own size, and far; this one changes portraits, whose poses
    and lights vary already, by little, and warps them to the network's size in the same step.

    Args:
        size: side of the labeled crops.
        turn, zoom, shift: standard deviations of the rotation in degrees, of the logarithm of the scale and of the
            shift as a share of the side.
    """

    def __init__(self, size: int = 120, turn: float = 8.0, zoom: float = 0.05, shift: float = 0.02):
        self.size, self.turn, self.zoom, self.shift = size, turn, zoom, shift

    def __call__(self, batch: dict[str, Tensor], resolution: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The batch with ``image`` float (B, 3, R, R) in 0 to 255; params and landmarks still count ``size`` pixels."""
        n = len(batch["image"])
        noise = torch.randn(n, 4, generator=generator)
        angle, scale = noise[:, 0] * math.radians(self.turn), (noise[:, 1] * self.zoom).exp()
        cos, sin = scale * angle.cos(), scale * angle.sin()
        matrix = torch.stack([cos, -sin, sin, cos], 1).view(n, 2, 2)  # of pixels, y down
        middle = (self.size - 1) / 2
        offset = middle - matrix.sum(2) * middle + noise[:, 2:] * self.shift * self.size  # (B, 2)
        image = self._warp(batch["image"], matrix, offset, resolution)
        return {
            "image": self._recolor(image, generator),
            "params": self._move_params(batch["params"], matrix, offset, scale),
            "landmarks": move(batch["landmarks"], torch.cat([matrix, offset[..., None]], 2)),
        }

    def _warp(self, images: Tensor, matrix: Tensor, offset: Tensor, resolution: int) -> Tensor:
        axis = (torch.arange(resolution) + 0.5) * (self.size / resolution) - 0.5
        pixels = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(1, -1, 2)
        sources = (pixels - offset[:, None]) @ torch.linalg.inv(matrix).mT  # (B, R R, 2)
        grid = ((sources * 2 + 1) / self.size - 1).view(len(images), resolution, resolution, 2)
        return F.grid_sample(images.float(), grid, align_corners=False)

    def _recolor(self, images: Tensor, generator: torch.Generator) -> Tensor:
        n, _, size, _ = images.shape
        draw = torch.rand(n, 8, generator=generator)
        normal = torch.randn(n, 5, generator=generator)
        gray = (draw[:, 0] < 0.12)[:, None, None, None]
        images = torch.where(gray, images.mean(1, keepdim=True), images)
        gain = (normal[:, :3] * 0.06 + normal[:, 3:4] * 0.15).exp()[:, :, None, None]
        images = (images - 127.5) * gain + 127.5 + normal[:, 4, None, None, None] * 15
        strength = (draw[:, 1] < 0.4) * draw[:, 2] * 14
        images = images + strength[:, None, None, None] * torch.randn(images.shape, generator=generator)
        return _erase(images, draw[:, 3:], generator).clamp_(0, 255)

    def _move_params(self, params: Tensor, matrix: Tensor, offset: Tensor, scale: Tensor) -> Tensor:
        """The same similarity in the frame of the parameters, whose y points up: y = size - 1 - pixel."""
        mirror = torch.tensor([1.0, -1.0])
        origin = torch.tensor([0.0, self.size - 1.0])
        upright = mirror[:, None] * matrix * mirror  # (B, 2, 2)
        shift = mirror * (matrix @ origin + offset - origin)  # (B, 2)
        pose = params[:, :12].view(-1, 3, 4)
        rows = upright @ pose[:, :2] + torch.cat([torch.zeros(len(params), 2, 3), shift[..., None]], 2)
        pose = torch.cat([rows, scale[:, None, None] * pose[:, 2:]], 1)
        return torch.cat([pose.flatten(1), params[:, 12:]], 1)


def _erase(images: Tensor, draw: Tensor, generator: torch.Generator) -> Tensor:
    """A rectangle of one color over a third of the pictures; draw (B, 5) in [0, 1]."""
    n, _, size, _ = images.shape
    axis = (torch.arange(size) + 0.5) / size
    half = 0.05 + 0.2 * draw[:, 1:3]  # of its sides
    reach = (axis - torch.rand(n, 2, 1, generator=generator)).abs() < half[..., None]  # (B, 2, R)
    mask = reach[:, 0, None] & reach[:, 1, :, None] & (draw[:, 0] < 0.33)[:, None, None]  # (B, R, R)
    color = torch.rand(n, 3, generator=generator) * 255
    return torch.where(mask[:, None], color[:, :, None, None], images)
