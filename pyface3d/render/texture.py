"""UV textures from photos."""

from typing import Any, NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pyface3d.render.forms import Array, as_float, as_pictures, as_table, as_vertices, to_uint8
from pyface3d.render.sight import Sight, Texels, outward_normals, sight, unwrapped
from pyface3d.render.skin import likeness, skin_of, to_log
from pyface3d.render.sources import base_of, composed, photographed, trust_of
from pyface3d.render.zones import zones_of

_AROUND = 0.1  # of the face's longer side: as much of the photo around it is looked at
_WORK = 128  # texels a side on which weights and the tone of skin are found


class ExtractedTexture(NamedTuple):
    """A face's texture and where the photo showed it."""

    image: Any  # uint8 RGB, size x size, row 0 at v = 1
    visible: Any  # bool, texels that are the photo's, but for little at the rim


def extract_texture(
    image: Array,
    vertices: Array,
    triangles: Array,
    uv: Array,
    uv_triangles: Array | None = None,
    *,
    size: int = 256,
    mirror: bool = True,
    landmarks: Array | None = None,
) -> ExtractedTexture:
    """Unwraps the photo of a face into its UV layout, and continues it where the photo does not show it.

    Each texel has three sources. The photo (bilinearly, where the texel's surface point falls in it) counts by how
    well it shows the surface: nothing in front of it, facing the viewer, away from the outline of the mesh. Where it
    does not count, the other half of the face stands in (the texel mirrored at u = 1/2, which assumes a symmetric
    layout), lit as the side that it goes to; and where that is hidden too, neutral skin in the tone of the skin nearby.
    With ``landmarks``, what is not this person's skin outside brows, eyes, nostrils and lips (hair, hands, clothes,
    background) does not count either.

    Args:
        image: the photo, as ``overlay`` takes it.
        vertices: (N, 3) in pixels of the photo, larger z nearer.
        triangles: (F, 3) vertex indices, of either winding.
        uv: (T, 2) in [0, 1], v up.
        uv_triangles: (F, 3) rows of ``uv``; None: ``triangles``.
        size: texels a side.
        mirror: let the other half of the face stand in for hidden texels.
        landmarks: (68, 3) of the face in the frame of ``vertices``, iBUG order; None: all that is seen is the face.

    Returns:
        The texture (uint8 RGB, NumPy or torch as ``vertices``) and the mask of texels that are mostly the photo's.

    Raises:
        ValueError: a shape or dtype is not one of these, or ``vertices`` is a batch.

    Example:
        >>> texture = extract_texture(photo, vertices, model.triangles, model.uv, model.uv_triangles)
    """
    verts, form = as_vertices("extract_texture", vertices)
    if form.batched:
        raise ValueError(f"extract_texture: vertices must be (N, 3), got {tuple(vertices.shape)}")
    if landmarks is not None and tuple(landmarks.shape) != (68, 3):
        raise ValueError(f"extract_texture: landmarks must be (68, 3), got {tuple(landmarks.shape)}")
    device = verts.device
    table = as_table("extract_texture", triangles, device)
    chart = table if uv_triangles is None else as_table("extract_texture", uv_triangles, device)
    part, corner = _around(image, verts)
    photo, verts = as_pictures("extract_texture", part, device)[0], verts - corner
    points = None if landmarks is None else as_float(landmarks).to(device) - corner
    layout, normals = as_float(uv).to(device), outward_normals(verts, table)
    fine = unwrapped(verts, normals, table, layout, chart, size)
    colors = _sampled(photo, fine.points)  # (S, S, 3)
    work = fine if size <= _WORK else unwrapped(verts, normals, table, layout, chart, _WORK)
    seen = sight(work, verts, table, (photo.shape[0], photo.shape[1]))
    base, trust = _skin_and_trust(to_log(_sampled(photo, work.points)), work, seen, points)
    visible = photographed(trust, size)
    picture = form.give(to_uint8(composed(colors, base, trust, mirror))[None])
    return ExtractedTexture(picture, visible.cpu().numpy() if form.numpy else visible)


def _skin_and_trust(colors: Tensor, texels: Texels, seen: Sight, landmarks: Tensor | None) -> tuple[Tensor, Tensor]:
    """Skin without details (U, V, 3), in logarithms, and how much the photo counts (U, V)."""
    if landmarks is None:
        skin = skin_of(colors, texels, seen.weight)
        trust = trust_of(seen.weight, None)
        return base_of(colors, texels, skin, trust), trust
    zones = zones_of(texels.points, landmarks)
    skin = skin_of(colors, texels, seen.weight * zones.bare)
    trust = trust_of(seen.weight, likeness(colors, texels, skin, zones, seen))
    return base_of(colors, texels, skin, trust, zones), trust


def _around(image: Array, vertices: Tensor) -> tuple[Array, Tensor]:
    """The part of the picture around vertices (1, N, 3), and its upper left corner (3,)."""
    rows, columns = (0, 1) if isinstance(image, np.ndarray) and image.ndim < 4 else (-2, -1)
    if isinstance(image, np.ndarray) and image.ndim == 4:
        rows, columns = 1, 2
    if image.ndim not in (2, 3, 4):
        return image, vertices.new_zeros(3)  # as_pictures says what is wrong with it
    low, high = vertices[0, :, :2].amin(0), vertices[0, :, :2].amax(0)
    margin = _AROUND * float((high - low).max()) + 2
    corner = vertices.new_zeros(3)
    for axis, dim in ((0, columns), (1, rows)):
        size = image.shape[dim]
        start = int(min(max(float(low[axis]) - margin, 0), size - 1))
        end = int(min(max(float(high[axis]) + margin + 1, start + 1), size))
        cut = [slice(None)] * image.ndim
        cut[dim] = slice(start, end)
        image, corner[axis] = image[tuple(cut)], start
    return image, corner


def _sampled(photo: Tensor, points: Tensor) -> Tensor:
    """Bilinear colors (U, V, 3) of the photo (H, W, 3) at image points (U, V, 3)."""
    extent = points.new_tensor([photo.shape[1] - 1, photo.shape[0] - 1]).clamp(min=1)
    grid = (points[..., :2] / extent * 2 - 1)[None]
    picture = photo.movedim(-1, 0)[None]
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=True)[0].movedim(0, -1)
