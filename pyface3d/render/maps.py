"""Depth, normal and PNCC pictures of a mesh."""

from typing import Any

import torch

from pyface3d.render.forms import Array, as_float, as_table, as_vertices, to_uint8
from pyface3d.render.shading import shade
from pyface3d.render.surface import rasterized


def depth_map(vertices: Array, triangles: Array, height: int, width: int) -> Any:
    """Depth as gray: the farthest visible point of each mesh black, the nearest white; black outside.

    Args:
        vertices: (N, 3) or (B, N, 3), image frame; NumPy or torch.
        triangles: (F, 3) vertex indices.
        height: pixels.
        width: pixels.

    Returns:
        uint8 RGB pictures, in the layout of ``shade``.

    Example:
        >>> picture = depth_map(vertices, model.triangles, 120, 120)
    """
    verts, form = as_vertices("depth_map", vertices)
    surface = rasterized(verts, as_table("depth_map", triangles, verts.device), height, width)
    depth, covered = surface.depth, surface.covered
    low = depth.masked_fill(~covered, torch.inf).amin((1, 2), keepdim=True)
    high = depth.masked_fill(~covered, -torch.inf).amax((1, 2), keepdim=True)
    gray = (depth - low) / (high - low).clamp(min=1e-12) * 255
    return form.give(to_uint8(gray.masked_fill(~covered, 0))[..., None].expand(*gray.shape, 3))


def normal_map(vertices: Array, triangles: Array, height: int, width: int) -> Any:
    """Normals as colors, ``(n + 1) / 2``: red right, green up, blue towards the viewer; black outside.

    Arguments and result are those of ``depth_map``.

    Example:
        >>> picture = normal_map(vertices, model.triangles, 120, 120)
    """
    return shade(vertices, triangles, height, width, style="normals")


def pncc_codes(mean: Array) -> Any:
    """Projected normalized coordinate code of each vertex: the mean shape, each axis scaled to [0, 1].

    The code of 3DDFA (Zhu et al. 2016, eq. 6): NCC_d = (S_d - min S_d) / (max S_d - min S_d). The table published with
    it is that of the mean identity (``u_shp``), to which the mean expression is not added.

    Args:
        mean: (N, 3) mean shape of the model, in any unit.

    Returns:
        (N, 3) colors for ``pncc``, NumPy or torch as given.

    Example:
        >>> codes = pncc_codes(model.mean)
    """
    if mean.ndim != 2 or mean.shape[1] != 3:
        raise ValueError(f"pncc_codes: mean must be (N, 3), got {tuple(mean.shape)}")
    if isinstance(mean, torch.Tensor):
        low, high = mean.amin(0), mean.amax(0)
    else:
        low, high = mean.min(0), mean.max(0)
    return (mean - low) / (high - low)


def pncc(vertices: Array, triangles: Array, height: int, width: int, codes: Array) -> Any:
    """The projected normalized coordinate code: which point of the mean face each pixel shows, as a color.

    Args:
        vertices: (N, 3) or (B, N, 3), image frame; NumPy or torch.
        triangles: (F, 3) vertex indices.
        height: pixels.
        width: pixels.
        codes: (N, 3) in [0, 1], of ``pncc_codes``.

    Returns:
        uint8 RGB pictures, in the layout of ``shade``; black outside.

    Example:
        >>> picture = pncc(vertices, model.triangles, 120, 120, pncc_codes(model.mean))
    """
    verts, form = as_vertices("pncc", vertices)
    if tuple(codes.shape) != tuple(verts.shape[1:]):
        raise ValueError(f"pncc: codes must be {tuple(verts.shape[1:])}, got {tuple(codes.shape)}")
    surface = rasterized(verts, as_table("pncc", triangles, verts.device), height, width)
    return form.give(to_uint8(surface.attribute(as_float(codes).to(verts.device)) * 255))
