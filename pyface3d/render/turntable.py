"""A mesh from several sides."""

import math
from typing import Any

import torch
from torch import Tensor

from pyface3d.render.forms import Array, as_pictures, as_vertices, to_uint8
from pyface3d.render.shading import shade

_MARGIN = 0.92  # share of the picture's side that the turning mesh fills


def turntable(
    vertices: Array,
    triangles: Array,
    *,
    size: int = 256,
    views: int = 9,
    sweep: float = 150.0,
    y_up: bool = False,
    **options: Any,
) -> Any:
    """Pictures of a mesh turned about its vertical axis, scaled to fill each of them.

    Args:
        vertices: (N, 3), NumPy or torch, in any unit.
        triangles: (F, 3) vertex indices, of either winding.
        size: side of each picture in pixels.
        views: how many pictures.
        sweep: degrees from the first view to the last, the middle one unturned; 360 is a full circle without repeating
            the first view.
        y_up: whether y of ``vertices`` points up (a model's frame) rather than down (a photo's).
        options: style, colors, light, background of ``shade``.

    Returns:
        uint8 RGB (views, size, size, 3), or (views, 3, size, size) for torch.

    Raises:
        ValueError: a shape is not one of these, or there are no views.

    Example:
        >>> frames = turntable(model.mean, model.triangles, y_up=True)
    """
    verts, form = as_vertices("turntable", vertices)
    if form.batched:
        raise ValueError(f"turntable: vertices must be (N, 3), got {tuple(vertices.shape)}")
    if views < 1:
        raise ValueError(f"turntable: views must be at least 1, got {views}")
    mesh = verts[0] * verts.new_tensor([1.0, -1.0 if y_up else 1.0, 1.0])
    finite = mesh[mesh.isfinite().all(1)]
    if not len(finite):
        raise ValueError("turntable: vertices has no finite vertex")
    mesh = mesh - (finite.amin(0) + finite.amax(0)) / 2
    finite = mesh[mesh.isfinite().all(1)]
    reach = torch.maximum(finite[:, [0, 2]].norm(dim=1).amax(), finite[:, 1].abs().amax()).clamp(min=1e-12)
    mesh = mesh * (_MARGIN * size / 2 / reach)
    angles = _angles(views, sweep).to(mesh)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    x, y, z = mesh.unbind(1)
    turned = torch.stack([cos * x + sin * z, y.expand(views, -1), cos * z - sin * x], -1) + mesh.new_tensor(
        [(size - 1) / 2, (size - 1) / 2, 0.0]
    )
    pictures = shade(turned, triangles, size, size, **options)  # (views, 3, size, size)
    return form._replace(batched=True).give(pictures.movedim(1, -1))


def _angles(views: int, sweep: float) -> Tensor:
    """Radians, symmetric about 0; the last view of a full circle is not the first again."""
    if abs(sweep) >= 360:
        return torch.arange(views) * (math.radians(sweep) / views)
    return torch.linspace(-1, 1, views) * math.radians(sweep / 2) if views > 1 else torch.zeros(1)


def side_by_side(*pictures: Array) -> Any:
    """Joins pictures of one height, and batches of them, from left to right.

    Args:
        pictures: NumPy (H, W, 3) or (B, H, W, 3); torch (3, H, W) or (B, 3, H, W); also gray or 16-bit.

    Returns:
        uint8 RGB (H, sum of W, 3), or (3, H, sum of W) where the first is torch.

    Raises:
        ValueError: the heights differ.

    Example:
        >>> strip = side_by_side(photo, overlay(photo, vertices, triangles))
    """
    parts = [part for picture in pictures for part in as_pictures("side_by_side", picture).cpu()]
    heights = {len(part) for part in parts}
    if len(heights) != 1:
        raise ValueError(f"side_by_side: pictures must have one height, got {sorted(heights)}")
    joined = to_uint8(torch.cat(parts, 1))
    return joined.movedim(-1, 0) if isinstance(pictures[0], Tensor) else joined.numpy()
