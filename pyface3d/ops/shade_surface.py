"""Pictures of rasterized meshes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register

_ops = torch.ops.pyface3d


def shade_surface(
    normals: Tensor,
    triangle_ids: Tensor,
    barycentrics: Tensor,
    triangles: Tensor,
    albedo: Tensor | None,
    canvas: Tensor | None,
    light: Sequence[float],
    alpha: float = 1.0,
) -> Tensor:
    """Lights what ``rasterize`` found, with Phong's model or as a map of normals, over a canvas.

    Per pixel the vertex normals are interpolated and normalized; the color is
    ``albedo (ambient + directional max(n.l, 0)) + 255 specular max(r.v, 0)^exponent`` with ``r = 2 (n.l) n - l`` and
    the viewer ``v = (0, 0, 1)`` (Phong 1975), or ``127.5 (n + 1)`` without albedo. The result has no gradient: blend
    ``interpolate``'s outputs for a differentiable picture.

    Args:
        normals: (B, N, 3) float32, y up, on the seen side: ``vertex_normals`` of the vertices with y negated.
        triangle_ids: (B, H, W) int32 of ``rasterize``.
        barycentrics: (B, H, W, 3) float32 of ``rasterize``.
        triangles: (F, 3) int64, as rasterized.
        albedo: (B, H, W, 3) or (3,) float32 of 0 to 255; None: draw the normals.
        canvas: (B, H, W, 3) uint8 behind the mesh; None: black.
        light: unit direction x, y, z (y up, z towards the viewer), ambient, directional, specular, exponent.
        alpha: opacity of the mesh.

    Returns:
        (B, H, W, 3) uint8.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or an index is out of range.

    Example:
        >>> import torch
        >>> from pyface3d import ops
        >>> corners = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 3.0, 1.0], [3.0, 0.0, 1.0]]])
        >>> table = torch.tensor([[0, 1, 2]])
        >>> ids, barycentrics, _ = ops.rasterize(corners, table, 4, 4)
        >>> normals = ops.vertex_normals(corners * torch.tensor([1.0, -1.0, 1.0]), table)
        >>> light = (0.0, 0.0, 1.0, 0.5, 0.5, 0.0, 1.0)
        >>> white = torch.full((3,), 255.0)
        >>> ops.shade_surface(normals, ids, barycentrics, table, white, None, light)[0, :2, :2, 0].tolist()
        [[255, 255], [255, 255]]
    """
    light = [float(number) for number in light]
    return _ops.shade_surface.default(normals, triangle_ids, barycentrics, triangles, albedo, canvas, light, alpha)


def _fake(normals: Tensor, triangle_ids: Tensor, *others: Any) -> Tensor:
    return normals.new_empty((*triangle_ids.shape, 3), dtype=torch.uint8)


register("shade_surface", _fake, promotes=False)
