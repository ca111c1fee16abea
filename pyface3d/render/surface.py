"""What a mesh shows at each pixel: triangle, barycentrics, depth, normal."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyface3d import ops

_TO_Y_UP = (1.0, -1.0, 1.0)


class Surface(NamedTuple):
    """A mesh rasterised once, to read any attribute from."""

    vertices: Tensor  # (B, N, 3)
    triangles: Tensor  # (F, 3)
    triangle_ids: Tensor  # (B, H, W)
    barycentrics: Tensor  # (B, H, W, 3)
    depth: Tensor  # (B, H, W)

    @property
    def covered(self) -> Tensor:
        """(B, H, W) bool."""
        return self.triangle_ids >= 0

    def attribute(self, values: Tensor, triangles: Tensor | None = None) -> Tensor:
        """(B, N, C) or (N, C) -> (B, H, W, C); ``triangles``: the values' own table."""
        table = self.triangles if triangles is None else triangles
        return ops.interpolate(values, self.triangle_ids, self.barycentrics, table)

    def normals(self) -> Tensor:
        """(B, H, W, 3) unit normals in the y-up frame, towards the viewer for tables of either winding; 0 outside."""
        normals = self.attribute(ops.vertex_normals(self.vertices * self.vertices.new_tensor(_TO_Y_UP), self.triangles))
        inward = normals[..., 2].sum((1, 2)) < 0  # the visible side faces the viewer
        sign = torch.where(inward, -1.0, 1.0)[:, None, None, None]
        return normals * (sign * normals.square().sum(-1, keepdim=True).clamp(min=1e-12).rsqrt())


def rasterized(vertices: Tensor, triangles: Tensor, height: int, width: int) -> Surface:
    """Rasterises (B, N, 3) image-frame vertices."""
    return Surface(vertices, triangles, *ops.rasterize(vertices, triangles, height, width))
