"""The square piece of a photo that a face is turned in, and the two pictures filled in behind what the photo shows."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import flip_y, roi_from_landmarks
from pyface3d.render.filling import fill_holes

MARGIN = 2.0  # side of the canvas over that of the face's crop
_RIM = 0.035  # width of the outline whose colors go round to what is hidden, in sides of the canvas
_INSET = 0.012  # how far inside of the model's outline the photo surely shows the head
_HALO = 0.025  # how far beyond the model's outline the photo may still show the head


def cut_canvas(photo: Tensor, roi: Tensor, size: int) -> Tensor:
    """Pixel (x, y) of the canvas is the photo at ``roi`` corner + (x, y) * side / size, read bilinearly.

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
    x = roi[0] + steps * (roi[2] - roi[0])
    y = roi[1] + steps * (roi[3] - roi[1])
    grid = torch.stack(torch.meshgrid((y * 2 + 1) / height - 1, (x * 2 + 1) / width - 1, indexing="ij")[::-1], -1)
    picture = photo.float()[None]
    return F.grid_sample(picture, grid[None], "bilinear", "reflection", align_corners=False)[0]


def canvas_roi(landmarks: Tensor) -> Tensor:
    """(B, 4) boxes of the canvases of faces with landmarks (B, L, 2 or 3) in their photos."""
    roi = roi_from_landmarks(landmarks)
    center, half = (roi[:, :2] + roi[:, 2:]) / 2, (roi[:, 2:] - roi[:, :2]) * (MARGIN / 2)
    return torch.cat([center - half, center + half], 1)


@dataclass
class Layers:
    """What a canvas shows, and what it would show where the head hides it or turns away.

    Attributes:
        photo: (B, 3, C, C) the canvas.
        around: (B, 3, C, C) colors of the head's outline, carried smoothly over it: for surfaces that face away.
        plate: (B, 3, C, C) the canvas with the head taken out.
        near: (B, 1, C, C) 1 on the head and at its outline, falling smoothly to 0 around it.
    """

    photo: Tensor
    around: Tensor
    plate: Tensor
    near: Tensor


def layers(photo: Tensor, posed: Tensor, triangles: Tensor) -> Layers:
    """Fills the pictures of a canvas (B, 3, C, C) whose head has the posed vertices (B, N, 3), pixels, y down."""
    size = photo.shape[-1]
    ids, _, _ = ops.rasterize(posed, triangles, size, size)
    head = (ids >= 0).float()[:, None]
    halo = _grown(head, _HALO)
    inner = 1 - _grown(1 - head, _INSET)
    rim = inner - (1 - _grown(1 - inner, _RIM))
    around = _soft(fill_holes(photo * rim, rim))
    outside = 1 - halo
    plate = fill_holes(photo * outside, outside)
    return Layers(photo, around, plate, _near(halo))


def _grown(mask: Tensor, share: float) -> Tensor:
    """Masks (B, 1, C, C) of 0 and 1, grown by a share of their side."""
    reach = max(1, round(share * mask.shape[-1]))
    rows = F.max_pool2d(mask, (1, 2 * reach + 1), 1, (0, reach))
    return F.max_pool2d(rows, (2 * reach + 1, 1), 1, (reach, 0))


def _soft(pictures: Tensor, share: float = 0.05) -> Tensor:
    """Pictures (B, C, H, W) blurred by a box of a share of their side, twice."""
    reach = max(1, round(share * pictures.shape[-1] / 2))
    for _ in range(2):
        pictures = F.pad(pictures, (reach, reach, reach, reach), "replicate")
        pictures = F.avg_pool2d(F.avg_pool2d(pictures, (1, 2 * reach + 1), 1), (2 * reach + 1, 1), 1)
    return pictures


def _near(mask: Tensor, coarse: int = 64, spread: float = 0.11) -> Tensor:
    """Twice the mask blurred, at most 1: flat on the mask, and smooth beyond it; 0 at the border."""
    small = F.adaptive_avg_pool2d(mask, coarse)
    sigma = spread * coarse
    steps = torch.arange(-3 * int(sigma), 3 * int(sigma) + 1).to(mask)
    kernel = torch.exp(-0.5 * (steps / sigma).square())
    kernel = kernel / kernel.sum()
    reach = len(kernel) // 2
    small = F.conv2d(small, kernel.view(1, 1, 1, -1), padding=(0, reach))
    small = F.conv2d(small, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    from_border = torch.linspace(-1, 1, coarse).abs()
    window = ((1 - from_border) * 6).clamp(max=1).to(mask)  # what lies at the border stays there
    small = (2 * small).clamp(max=1) * window * window[:, None]
    smooth = small * small * (3 - 2 * small)
    return F.interpolate(smooth, mask.shape[2:], mode="bilinear", align_corners=False)


def seen_in_canvas(model_vertices: Tensor, pose: Tensor, size: int) -> Tensor:
    """Posed vertices (B, N, 3) in pixels, y down, of vertices in the model frame and poses in the canvas, y up."""
    return flip_y(model_vertices @ pose[..., :3].mT + pose[:, None, :, 3], size)
