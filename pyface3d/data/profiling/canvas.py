"""The square piece of a photo that a face is turned in, and the pictures filled in where the photo shows nothing."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import flip_y, roi_from_landmarks
from pyface3d.render.filling import fill_holes

MARGIN = 2.0  # side of the canvas over that of the face's crop

# shares of the canvas' side
_INSET = 0.012  # how far inside of the model's outline the photo surely shows the head
_RIM = 0.035  # width of the band inside of that whose colors go round to what is hidden
_HALO = 0.025  # how far outside of the model's outline the photo may still show the head
_BLUR = 0.05  # of the colors that go round
_SPREAD = 0.11  # standard deviation of the blur that "near" is made with
_COARSE = 64  # cells along a side that "near" is computed on


@dataclass
class Layers:
    """What a canvas shows, and what it would show where the head hides it or turns away.

    Attributes:
        photo: (B, 3, C, C) the canvas.
        around: (B, 3, C / 2, C / 2) colors of the head's outline, carried smoothly over it: for what faces away.
        plate: (B, 3, C, C) the canvas with the head taken out.
        near: (B, 1, G, G) 1 on the head and at its outline, falling smoothly to 0 around it.
    """

    photo: Tensor
    around: Tensor
    plate: Tensor
    near: Tensor


def canvas_roi(landmarks: Tensor) -> Tensor:
    """(B, 4) boxes of the canvases of faces with landmarks (B, L, 2 or 3) in their photos."""
    roi = roi_from_landmarks(landmarks)
    center, half = (roi[:, :2] + roi[:, 2:]) / 2, (roi[:, 2:] - roi[:, :2]) * (MARGIN / 2)
    return torch.cat([center - half, center + half], 1)


def cut_canvas(photo: Tensor, roi: Tensor, size: int) -> Tensor:
    """Pixel (x, y) of the canvas is the photo at the roi's corner + (x, y) * side / size, read bilinearly.

    Beyond the photo's border it is mirrored, so that no edge shows.

    Args:
        photo: (3, H, W) uint8.
        roi: (4,) left, top, right, bottom in the photo.
        size: side of the canvas in pixels.

    Returns:
        (3, size, size) float32 of 0 to 255.
    """
    height, width = photo.shape[1:]
    steps = torch.arange(size, dtype=torch.float32) / size
    x, y = roi[0] + steps * (roi[2] - roi[0]), roi[1] + steps * (roi[3] - roi[1])
    grid = torch.stack(torch.meshgrid((y * 2 + 1) / height - 1, (x * 2 + 1) / width - 1, indexing="ij")[::-1], -1)
    return F.grid_sample(photo.float()[None], grid[None], "bilinear", "reflection", align_corners=False)[0]


def read_at(pictures: Tensor, places: Tensor, size: int) -> Tensor:
    """Pictures (B, C, H, W) of a whole canvas at places (B, h, w, 2) in pixels of the canvas, whose side is ``size``.

    Smaller pictures cover the same square; their corners are the canvas' corners.
    """
    grid = places / ((size - 1) / 2) - 1
    return F.grid_sample(pictures, grid, "bilinear", "border", align_corners=True)


def seen_in_canvas(vertices: Tensor, pose: Tensor, size: int) -> Tensor:
    """Pixels (B, N, 3), y down, of vertices (B, N, 3) of the model frame and poses (B, 3, 4) in the canvas, y up."""
    return flip_y(vertices @ pose[..., :3].mT + pose[:, None, :, 3], size)


def fine_pixels(points: Tensor, oversampling: int) -> Tensor:
    """Points (B, N, 3) of crops in a picture with so many pixels along a side of a crop's pixel."""
    middle = (oversampling - 1) / 2
    return points * oversampling + points.new_tensor([middle, middle, 0.0])


def paint_layers(photo: Tensor, seen: Tensor, triangles: Tensor) -> Layers:
    """The layers of canvases (B, 3, C, C) that show heads with vertices (B, N, 3) at these pixels."""
    size = photo.shape[-1]
    half = F.avg_pool2d(photo, 2)
    ids, _, _ = ops.rasterize(seen / 2, triangles, size // 2, size // 2)
    head = (ids >= 0).float()[:, None]
    inner = _shrunk(head, _INSET)
    rim = inner - _shrunk(inner, _RIM)
    around = _soft(fill_holes(half * rim, rim))
    halo = _grown(head, _HALO)
    outside = F.interpolate(1 - halo, size)
    return Layers(photo, around, fill_holes(photo * outside, outside), _near(halo))


def _grown(mask: Tensor, share: float) -> Tensor:
    """Masks (B, 1, H, W) of 0 and 1, grown by a share of their side."""
    reach = max(1, round(share * mask.shape[-1]))
    rows = F.max_pool2d(mask, (1, 2 * reach + 1), 1, (0, reach))
    return F.max_pool2d(rows, (2 * reach + 1, 1), 1, (reach, 0))


def _shrunk(mask: Tensor, share: float) -> Tensor:
    return 1 - _grown(1 - mask, share)


def _soft(pictures: Tensor) -> Tensor:
    """Pictures (B, C, H, W) blurred by two boxes."""
    reach = max(1, round(_BLUR * pictures.shape[-1] / 2))
    for _ in range(2):
        pictures = F.pad(pictures, (reach, reach, reach, reach), "replicate")
        pictures = F.avg_pool2d(F.avg_pool2d(pictures, (1, 2 * reach + 1), 1), (2 * reach + 1, 1), 1)
    return pictures


def _near(mask: Tensor) -> Tensor:
    """Twice the mask blurred, at most 1: flat on the mask, and smooth beyond it; 0 at the border."""
    small = F.adaptive_avg_pool2d(mask, _COARSE)
    reach = round(3 * _SPREAD * _COARSE)
    steps = torch.arange(-reach, reach + 1).to(mask)
    kernel = torch.exp(-0.5 * (steps / (_SPREAD * _COARSE)).square())
    kernel = kernel / kernel.sum()
    small = F.conv2d(small, kernel.view(1, 1, 1, -1), padding=(0, reach))
    small = F.conv2d(small, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    inside = ((1 - torch.linspace(-1, 1, _COARSE).abs()) * 6).clamp(max=1).to(mask)  # what lies at the border stays
    near = (2 * small).clamp(max=1) * inside * inside[:, None]
    return near * near * (3 - 2 * near)
