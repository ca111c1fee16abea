"""The surroundings of a turned head: a mesh of anchors that moves with the head near to it and stays at the border."""

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import decompose_pose, flip_y, image_to_crop, unflip_y
from pyface3d.data.profiling.canvas import MARGIN, Layers, fine_pixels, read_at

_CELLS = 48  # of the mesh along a side
_BEYOND = 0.25  # how far the mesh goes beyond the canvas, in its sides


def backdrop(
    layers: Layers, before: Tensor, after: Tensor, pivot: Tensor, roi: Tensor, size: int, oversampling: int
) -> Tensor:
    """What lies behind heads that turn.

    Anchors lie at the depth of the pivot where the head is near and fall back by half a crop where it is not. The
    turn is applied to them in the measure of their nearness.

    Args:
        layers: of B canvases.
        before: (B, 3, 4) poses in the canvas, y up, as photographed.
        after: (B, 3, 4) poses as wanted.
        pivot: (B, 3) point of the model frame that stays where it is.
        roi: (B, 4) crops in the canvas.
        size: side of the crops in pixels.
        oversampling: pixels of the answer along a side of a crop's pixel.

    Returns:
        (B, 3, S, S) with S = size * oversampling.
    """
    whole, side = layers.photo.shape[-1], size * oversampling
    places, triangles = _mesh(whole)
    near = read_at(layers.near, places.expand(len(after), 1, -1, -1), whole)[:, 0, 0, :, None]  # (B, M, 1)
    center = (before[..., :3] @ pivot[..., None])[..., 0] + before[..., 3]  # (B, 3)
    depth = center[:, None, 2:] - (1 - near) * (whole / MARGIN / 2)
    flat = unflip_y(places, whole).expand(len(after), -1, -1)
    anchors = torch.cat([flat, depth], 2) - center[:, None]
    turn = decompose_pose(after)[1] @ decompose_pose(before)[1].mT
    moved = flip_y(torch.lerp(anchors, anchors @ turn.mT, near) + center[:, None], whole)
    ids, barycentrics, _ = ops.rasterize(
        fine_pixels(image_to_crop(moved, roi, size), oversampling), triangles, side, side
    )
    return read_at(layers.plate, ops.interpolate(places, ids, barycentrics, triangles), whole)


def _mesh(size: int) -> tuple[Tensor, Tensor]:
    """Points (M, 2) over the canvas and a little beyond, and triangles between them."""
    steps = torch.linspace(-_BEYOND, 1 + _BEYOND, _CELLS + 1) * (size - 1)
    places = torch.stack(torch.meshgrid(steps, steps, indexing="ij")[::-1], -1).reshape(-1, 2)
    first = (torch.arange(_CELLS)[:, None] * (_CELLS + 1) + torch.arange(_CELLS)).flatten()
    down, right = first + _CELLS + 1, first + 1
    return places, torch.cat([torch.stack([first, down, right], 1), torch.stack([right, down, down + 1], 1)])
