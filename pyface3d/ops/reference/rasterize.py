"""Plain-torch rasterization: every pixel against every triangle."""

import torch
from torch import Tensor

SUBPIXELS = 4096
REACH = 2**17  # pixels


def rasterize(
    vertices: Tensor, triangles: Tensor, height: int, width: int, cull_backfaces: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, 3), (F, 3) -> ids (B, H, W) int32, barycentrics (B, H, W, 3), depth (B, H, W); see ``ops.rasterize``."""
    grid = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"), -1).flatten(0, 1)
    corners = vertices[:, triangles]  # (B, F, 3, 3)
    covered = _coverage(corners.detach(), grid, cull_backfaces)  # (B, F, P)
    barycentrics = _barycentrics(corners, grid)  # (B, F, P, 3)
    rise = corners[:, :, None, 1:, 2] - corners[:, :, None, :1, 2]  # (B, F, 1, 2)
    depth = corners[:, :, None, 0, 2] + (barycentrics[..., 1:] * rise).sum(-1)  # (B, F, P)
    if len(triangles) == 0:
        size = (len(vertices), height, width)
        return vertices.new_full(size, -1).int(), vertices.new_zeros((*size, 3)), vertices.new_zeros(size)
    ids = depth.detach().where(covered, depth.new_full((), -torch.inf)).argmax(1)  # the first of equal maxima
    drawn, blank = covered.any(1), vertices.new_zeros(())  # (B, P)
    depth = depth.gather(1, ids[:, None])[:, 0].where(drawn, blank)
    barycentrics = barycentrics.gather(1, ids[:, None, :, None].expand(-1, 1, -1, 3))[:, 0]
    barycentrics = barycentrics.where(drawn[..., None], blank)
    ids = ids.where(drawn, -1).int()
    return tuple(values.unflatten(1, (height, width)) for values in (ids, barycentrics, depth))


def _coverage(corners: Tensor, grid: Tensor, cull_backfaces: bool) -> Tensor:
    """Exact, in 1/4096 pixel: (B, F, 3, 3), (P, 2) -> (B, F, P) bool."""
    drawable = corners.isfinite().all(-1).all(-1) & (corners[..., :2].abs() <= REACH).all(-1).all(-1)  # (B, F)
    scaled = corners[..., :2].where(drawable[..., None, None], corners.new_zeros(())) * SUBPIXELS
    snapped = (scaled + 0.5 * torch.where(scaled < 0, -1, 1)).trunc().long()  # (B, F, 3, 2)
    area = _cross(snapped[:, :, 1] - snapped[:, :, 0], snapped[:, :, 2] - snapped[:, :, 0])  # (B, F)
    inside = (drawable & (area != 0) & ~(cull_backfaces & (area > 0)))[..., None]
    clockwise = torch.where((area > 0)[..., None, None], snapped, snapped[:, :, [0, 2, 1]])
    for i in range(3):
        start, edge = clockwise[:, :, i, None], (clockwise[:, :, (i + 1) % 3] - clockwise[:, :, i])[:, :, None]
        side = _cross(edge, grid * SUBPIXELS - start)  # (B, F, P)
        owned = (edge[..., 1] < 0) | ((edge[..., 1] == 0) & (edge[..., 0] > 0))
        inside = inside & ((side > 0) | ((side == 0) & owned))
    return inside


def _barycentrics(corners: Tensor, grid: Tensor) -> Tensor:
    """Clamped to the triangle: (B, F, 3, 3), (P, 2) -> (B, F, P, 3)."""
    first = corners[:, :, None, 0, :2]
    e1, e2 = corners[:, :, None, 1, :2] - first, corners[:, :, None, 2, :2] - first
    offset, area = grid - first, _cross(e1, e2)
    tiny = area.abs() <= SUBPIXELS**-2
    inverse = area.where(~tiny, area.new_ones(())).reciprocal().where(~tiny, area.new_zeros(()))
    b1, b2 = _cross(offset, e2) * inverse, _cross(e1, offset) * inverse
    clamped = torch.stack([1 - b1 - b2, b1, b2], -1).clamp(min=0)
    return clamped / clamped.sum(-1, keepdim=True)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
