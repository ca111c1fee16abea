"""Where a photo sees the surface of a face, and how well."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from pyface3d import ops
from pyface3d.render.surface import rasterized

_SIDE = 192  # pixels of the longer side of the mesh where depths are compared
_GRAZING, _FACING = 0.12, 0.5  # cosines to the viewer below which a photo says nothing, above which all it can
_MARGIN = 0.03  # of the mesh's longer side: a mesh rarely fits a photo better than this at its outline
_BLUR = 2.0  # of the _SIDE pixels: colors of a photo are mixtures there
_INNER = 1.5  # margins
_JUMP = 0.1  # of the longer side between neighboring pixels: one surface in front of another


class Sight(NamedTuple):
    """How a photo sees texels (U, V)."""

    weight: Tensor  # how well, 0 (not at all) to 1
    inner: Tensor  # 1 where the mesh's outline is so far that nothing but the face can be there, 0 close to it


class Texels(NamedTuple):
    """The surface points of a UV layout; V = U texels a side."""

    points: Tensor  # (U, V, 3) in pixels of the photo
    normals: Tensor  # (U, V, 3) unit, of the photo's frame, z towards the viewer
    covered: Tensor  # (U, V) bool


def unwrapped(vertices: Tensor, normals: Tensor, table: Tensor, uv: Tensor, chart: Tensor, size: int) -> Texels:
    """The surface under each texel.

    Args:
        vertices: (1, N, 3) in pixels of the photo.
        normals: (1, N, 3) of the vertices.
        table: (F, 3) vertex indices.
        uv: (T, 2) in [0, 1], v up.
        chart: (F, 3) rows of ``uv``.
        size: texels a side.
    """
    layout = torch.stack([uv[:, 0], 1 - uv[:, 1], torch.zeros_like(uv[:, 0])], -1) * (size - 1)
    surface = rasterized(layout[None], chart, size, size)
    both = surface.attribute(torch.cat([vertices, normals], -1), table)[0]
    return Texels(both[..., :3], F.normalize(both[..., 3:], dim=-1), surface.covered[0])


def outward_normals(vertices: Tensor, table: Tensor) -> Tensor:
    """Vertex normals (1, N, 3) in the photo's frame, those of the seen side towards the viewer (z > 0)."""
    normals = ops.vertex_normals(vertices, table)
    depth = vertices[..., 2] - vertices[..., 2].mean()
    return normals * (normals[..., 2] * depth).sum().sign()  # the nearer half of a head looks at the viewer


def sight(texels: Texels, vertices: Tensor, table: Tensor, shape: tuple[int, int]) -> Sight:
    """How well the photo shows each texel.

    The product of three: whether the surface is in the picture and the first that the line of sight meets; how much it
    faces the viewer; and how far it is from the outline, where a mesh and a photo disagree and the background begins.

    Args:
        texels: surface points of U x V texels.
        vertices: (1, N, 3) in pixels of the photo, larger z nearer.
        table: (F, 3) vertex indices.
        shape: height and width of the photo.
    """
    low, high = vertices[0].amin(0), vertices[0].amax(0)
    side = (high - low)[:2].amax().clamp(min=1e-6)
    scale = (_SIDE - 9) / side
    rows, columns = (int(n) for n in ((high - low)[[1, 0]] * scale).ceil() + 9)
    offset = torch.stack([low[0], low[1], low[2]]) - 4 / scale
    surface = rasterized((vertices - offset) * scale, table, rows, columns)
    placed = (texels.points - offset) * scale  # (U, V, 3) in pixels of the surface
    x = placed[..., 0].round().clamp(0, columns - 1).long()
    y = placed[..., 1].round().clamp(0, rows - 1).long()
    facing = texels.normals[..., 2]
    slope = (1 - facing.square()).clamp(min=0).sqrt() / facing.clamp(min=_GRAZING)  # depth within a pixel
    first = placed[..., 2] > surface.depth[0][y, x] - 0.01 * _SIDE - slope
    distance = (_to_outline(surface.depth[0], surface.covered[0])[y, x] - _BLUR) / (_MARGIN * _SIDE)
    inside = _to_border(texels.points, shape) / (_MARGIN * side)
    rim = smooth(distance.clamp(0, 1)) * smooth(inside.clamp(0, 1))
    weight = rim * smooth(((facing - _GRAZING) / (_FACING - _GRAZING)).clamp(0, 1)) * (first & texels.covered)
    return Sight(weight, smooth(((distance - 1) / (_INNER - 1)).clamp(0, 1)))


def smooth(t: Tensor) -> Tensor:
    """Hermite step of values in [0, 1]."""
    return t * t * (3 - 2 * t)


def _to_outline(depth: Tensor, covered: Tensor) -> Tensor:
    """(H, W) pixels to the nearest one that is not the mesh or lies beside a jump of depth.

    Holes inside the mesh (open mouths, eyes) are no outline: what is behind them is still the face.
    """
    far = depth.masked_fill(~covered, float("inf"))[None, None]
    near = depth.masked_fill(~covered, -float("inf"))[None, None]
    span = F.max_pool2d(near, 3, 1, 1) + F.max_pool2d(-far, 3, 1, 1)  # largest less smallest depth around
    smooth_there = (span[0, 0] < _JUMP * _SIDE) | ~covered
    whole = ndimage.binary_fill_holes(covered.cpu().numpy()) & smooth_there.cpu().numpy()
    return torch.from_numpy(ndimage.distance_transform_edt(whole)).to(depth)


def _to_border(points: Tensor, shape: tuple[int, int]) -> Tensor:
    """(U, V) pixels from the edge of the picture, negative outside."""
    x, y = points[..., 0], points[..., 1]
    return torch.minimum(torch.minimum(x, shape[1] - 1 - x), torch.minimum(y, shape[0] - 1 - y)) + 0.5
