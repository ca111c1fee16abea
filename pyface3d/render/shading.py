"""Shaded meshes, alone or over a photo."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.render.forms import Array, as_colors, as_float, as_pictures, as_table, as_vertices, to_uint8
from pyface3d.render.surface import Surface, rasterized

Style = Literal["phong", "normals"]
_CLAY = (198.0, 194.0, 188.0)


@dataclass(frozen=True)
class Light:
    """A white directional light of the Phong model; the defaults are those of 3DDFA_V2's renderer.

    Args:
        direction: from the surface to the light: x right, y up, z towards the viewer; any length.
        ambient: share of the color seen without light.
        directional: share added where the surface faces the light.
        specular: strength of the white highlight.
        exponent: sharpness of the highlight.
    """

    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)
    ambient: float = 0.3
    directional: float = 0.6
    specular: float = 0.1
    exponent: float = 5.0

    def numbers(self) -> tuple[float, ...]:
        """Unit direction, ambient, directional, specular, exponent, as ``ops.shade_surface`` takes them."""
        length = math.hypot(*self.direction)
        if not length:
            raise ValueError("Light: direction must not be zero")
        unit = (coordinate / length for coordinate in self.direction)
        return (*unit, self.ambient, self.directional, self.specular, self.exponent)


class Texture(NamedTuple):
    """A picture to lay on the mesh: image as ``shade`` takes them, uv (T, 2) in [0, 1] v up, uv_triangles (F, 3)."""

    image: Array
    uv: Array
    uv_triangles: Array


def shade(
    vertices: Array,
    triangles: Array,
    height: int,
    width: int,
    *,
    style: Style = "phong",
    colors: Array | Texture | None = None,
    light: Light | None = None,
    background: Array | None = None,
    alpha: float = 1.0,
) -> Any:
    """Pictures of meshes in the image frame: x right, y down, pixel centers at integers, larger z nearer.

    Args:
        vertices: (N, 3) or (B, N, 3), pixels; NumPy or torch.
        triangles: (F, 3) vertex indices, of either winding.
        height: pixels.
        width: pixels.
        style: "phong" (lit) or "normals" (the normal as RGB: x right, y up, z towards the viewer).
        colors: (N, 3) or (B, N, 3) vertex colors, uint8 or floating in [0, 1]; a ``Texture``; None: clay.
        light: the light of the Phong style.
        background: picture of height x width behind the mesh; None: black.
        alpha: opacity of the mesh.

    Returns:
        uint8 RGB: (H, W, 3) or (B, H, W, 3) for NumPy vertices, (3, H, W) or (B, 3, H, W) for torch.

    Raises:
        ValueError: a shape, a dtype or the style is not one of these.

    Example:
        >>> import numpy as np
        >>> from pyface3d import render
        >>> corners = np.array([[2, 2, 0], [28, 2, 0], [15, 28, 9.0]])
        >>> render.shade(corners, np.array([[0, 1, 2]]), 32, 32).shape
        (32, 32, 3)
    """
    if style not in ("phong", "normals"):
        raise ValueError(f"shade: style must be 'phong' or 'normals', got {style!r}")
    verts, form = as_vertices("shade", vertices)
    surface = rasterized(verts, as_table("shade", triangles, verts.device), height, width)
    albedo = _albedo(surface, colors) if style == "phong" else None
    texels = surface.triangle_ids, surface.barycentrics, surface.triangles
    canvas, lit = _canvas(surface, background), (light or Light()).numbers()
    return form.give(ops.shade_surface(surface.normals(), *texels, albedo, canvas, lit, alpha))


def overlay(image: Array, vertices: Array, triangles: Array, *, alpha: float = 0.75, **options: Any) -> Any:
    """``shade`` over a photo whose pixels the vertices are given in; ``options`` are those of ``shade``.

    Args:
        image: the photo, gray, RGB or RGBA, 8-bit, 16-bit or floating: (H, W, 3) NumPy or (3, H, W) torch, or a batch.
        vertices: (N, 3) or (B, N, 3), pixels of the photo.
        triangles: (F, 3) vertex indices.
        alpha: opacity of the mesh.
        options: style, colors, light.

    Returns:
        uint8 RGB as ``shade`` returns it.

    Example:
        >>> picture = overlay(photo, vertices, model.triangles)
    """
    height, width = as_pictures("overlay", image).shape[1:3]
    return shade(vertices, triangles, height, width, background=image, alpha=alpha, **options)


def _albedo(surface: Surface, colors: Array | Texture | None) -> Tensor:
    """(B, H, W, 3) of 0 to 255, or (3,) where it is the same everywhere."""
    device = surface.vertices.device
    if colors is None:
        return torch.tensor(_CLAY, device=device)
    if not isinstance(colors, Texture):
        return surface.attribute(as_colors("shade", colors, surface.vertices.shape[1], device))
    picture = as_pictures("shade", colors.image, device).movedim(-1, 1)  # (1 or B, 3, h, w)
    uv = surface.attribute(as_float(colors.uv).to(device), as_table("shade", colors.uv_triangles, device))
    grid = torch.stack([uv[..., 0] * 2 - 1, 1 - uv[..., 1] * 2], -1)
    picture = picture.expand(len(grid), *picture.shape[1:])
    sampled = torch.nn.functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)
    return sampled.movedim(1, -1)


def _canvas(surface: Surface, background: Array | None) -> Tensor | None:
    """(B, H, W, 3) uint8: the background once per mesh."""
    if background is None:
        return None
    size = surface.depth.shape
    behind = to_uint8(as_pictures("shade", background, surface.depth.device))
    if behind.shape[1:3] != size[1:] or len(behind) not in (1, size[0]):
        raise ValueError(f"shade: background must be {tuple(size[1:])} pixels, got {tuple(behind.shape[1:3])}")
    return behind.expand(*size, 3)
