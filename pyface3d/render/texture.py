"""UV textures from photos."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d import ops
from pyface3d.render.filling import fill_holes
from pyface3d.render.forms import Array, as_float, as_pictures, as_table, as_vertices, to_uint8
from pyface3d.render.surface import rasterized

_GRAZING = 0.15  # cosine between normal and viewer below which a photo says little about the skin
_MIRROR_TRUST = 0.02  # of a mirrored texel, against one the photo shows
_RIM_TRUST = 0.001  # of a texel beside a hidden one: a mesh rarely fits a photo to the pixel at occlusions


class ExtractedTexture(NamedTuple):
    """A face's texture and where the photo showed it."""

    image: Any  # uint8 RGB, size x size, row 0 at v = 1
    visible: Any  # bool, texels seen in the photo


def extract_texture(
    image: Array,
    vertices: Array,
    triangles: Array,
    uv: Array,
    uv_triangles: Array | None = None,
    *,
    size: int = 256,
    mirror: bool = True,
) -> ExtractedTexture:
    """Unwraps the photo of a face into its UV layout.

    Each texel is looked up (bilinearly) where its surface point falls in the photo. It counts as visible when that lies
    inside the picture, no other part of the mesh is in front of it, and the surface faces the viewer. What is not
    visible is taken from the other half of the face (the texel mirrored at u = 1/2, which assumes a symmetric layout),
    and where that is hidden too, from the surrounding texels. The sources are blended by how much the surface faces
    the viewer, so that no seam shows.

    Args:
        image: the photo, as ``overlay`` takes it.
        vertices: (N, 3) in pixels of the photo, larger z nearer.
        triangles: (F, 3) vertex indices, of either winding.
        uv: (T, 2) in [0, 1], v up.
        uv_triangles: (F, 3) rows of ``uv``; None: ``triangles``.
        size: texels a side.
        mirror: fill hidden texels from the other half of the face.

    Returns:
        The texture (uint8 RGB, NumPy or torch as ``vertices``) and its mask of visible texels.

    Raises:
        ValueError: a shape or dtype is not one of these, or ``vertices`` is a batch.

    Example:
        >>> texture = extract_texture(photo, vertices, model.triangles, model.uv, model.uv_triangles)
    """
    verts, form = as_vertices("extract_texture", vertices)
    if form.batched:
        raise ValueError(f"extract_texture: vertices must be (N, 3), got {tuple(vertices.shape)}")
    device = verts.device
    table = as_table("extract_texture", triangles, device)
    chart = table if uv_triangles is None else as_table("extract_texture", uv_triangles, device)
    photo = as_pictures("extract_texture", image, device)  # (1, H, W, 3)
    points, facing = _unwrapped(verts, table, as_float(uv).to(device), chart, size, photo.shape[1:3])
    colors = _sampled(photo, points)  # (1, U, V, 3)
    filled = _blended(colors, _feathered(facing * facing), mirror)
    visible = (facing > 0)[0]
    return ExtractedTexture(form.give(to_uint8(filled)), visible.cpu().numpy() if form.numpy else visible)


def merge_textures(
    images: Sequence[Array],
    vertices: Sequence[Array],
    triangles: Array,
    uv: Array,
    uv_triangles: Array | None = None,
    *,
    size: int = 256,
    mirror: bool = True,
) -> ExtractedTexture:
    """One texture of several photos of a face: each texel from those that show it, the more the more it faces them.

    Args:
        images: the photos.
        vertices: (N, 3) of the face in each, in its pixels.
        triangles: as of ``extract_texture``, and so are the others.
        uv: (T, 2).
        uv_triangles: (F, 3).
        size: texels a side.
        mirror: fill texels that no photo shows from the other half of the face.

    Returns:
        The texture, and which texels any photo shows.

    Raises:
        ValueError: no photos, or not one face for each.

    Example:
        >>> texture = merge_textures([photo], [vertices], model.triangles, model.uv, model.uv_triangles)
    """
    if not len(images) or len(images) != len(vertices):
        got = f"{len(images)} and {len(vertices)}"
        raise ValueError(f"merge_textures: images and vertices must be as many, at least one, got {got}")
    colors, trust, visible = [], [], []
    for image, face in zip(images, vertices):
        verts, form = as_vertices("merge_textures", face)
        table = as_table("merge_textures", triangles, verts.device)
        chart = table if uv_triangles is None else as_table("merge_textures", uv_triangles, verts.device)
        photo = as_pictures("merge_textures", image, verts.device)
        points, facing = _unwrapped(verts, table, as_float(uv).to(verts.device), chart, size, photo.shape[1:3])
        colors.append(_sampled(photo, points))
        trust.append(_feathered(facing * facing))
        visible.append(facing > 0)
    weights = torch.stack(trust)[..., None]  # (P, 1, U, V, 1)
    total = weights.sum(0)
    mean = (torch.stack(colors) * weights).sum(0) / total.clamp_min(torch.finfo(total.dtype).tiny)
    filled = _blended(mean, total[..., 0], mirror)
    seen = torch.stack(visible).any(0)[0]
    return ExtractedTexture(form.give(to_uint8(filled)), seen.cpu().numpy() if form.numpy else seen)


def _unwrapped(
    vertices: Tensor, triangles: Tensor, uv: Tensor, chart: Tensor, size: int, shape: torch.Size
) -> tuple[Tensor, Tensor]:
    """Surface points (1, U, V, 3) in the photo, and how far each faces the viewer (1, U, V), 0 where it is not seen."""
    layout = torch.stack([uv[:, 0], 1 - uv[:, 1], torch.zeros_like(uv[:, 0])], -1) * (size - 1)
    texels = rasterized(layout[None], chart, size, size)
    points = texels.attribute(vertices, triangles)
    surface = rasterized(vertices, triangles, *shape)
    normals = ops.vertex_normals(vertices, triangles)
    toward = normals[..., 2:] * surface.attribute(normals)[..., 2].sum().sign()  # (1, N, 1), positive on the seen side
    facing = texels.attribute(toward, triangles)[..., 0]
    height, width = shape
    x, y, z = points.unbind(-1)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    pixel = (y.clamp(0, height - 1).round() * width + x.clamp(0, width - 1).round()).long()
    in_front = surface.depth.flatten(1).gather(1, pixel.flatten(1)).view_as(z)
    tolerance = 0.01 * (vertices[..., 0].amax() - vertices[..., 0].amin()) + 1  # pixels: slope within a pixel
    seen = texels.covered & inside & (z > in_front - tolerance)
    return points, ((facing - _GRAZING) / (1 - _GRAZING)).clamp(min=0) * seen


def _sampled(photo: Tensor, points: Tensor) -> Tensor:
    """Bilinear colors (1, U, V, 3) of the photo (1, H, W, 3) at image points."""
    extent = points.new_tensor([photo.shape[2] - 1, photo.shape[1] - 1]).clamp(min=1)
    grid = points[..., :2] / extent * 2 - 1
    picture = photo.movedim(-1, 1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=True).movedim(1, -1)


def _feathered(trust: Tensor) -> Tensor:
    """(1, U, V) trust, withdrawn from the rim of what is seen, and fading in from there."""
    side = trust.shape[-1] // 32 | 1
    core = -F.max_pool2d(-trust, side, 1, side // 2)
    return F.avg_pool2d(core, side, 1, side // 2) + _RIM_TRUST * trust


def _blended(colors: Tensor, trust: Tensor, mirror: bool) -> Tensor:
    """Colors (1, U, V, 3), weighted with their mirror image, holes filled from around."""
    total = trust[..., None]
    colors = colors * total
    if mirror:
        colors, total = colors + _MIRROR_TRUST * colors.flip(2), total + _MIRROR_TRUST * total.flip(2)
    return fill_holes(colors.movedim(-1, 1), total.movedim(-1, 1)).movedim(1, -1)
