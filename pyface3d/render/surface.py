"""What a mesh shows at each pixel: triangle, barycentrics, depth."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyface3d import ops

_TO_Y_UP = (1.0, -1.0, 1.0)
_SPARSE = 4  # pixels between those that are asked


class Surface(NamedTuple):
    """A mesh rasterized once, to read any attribute from."""

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
        """(B, N, 3) unit vertex normals, y up, on the seen side of each mesh, whichever way its table winds."""
        normals = ops.vertex_normals(self.vertices * self.vertices.new_tensor(_TO_Y_UP), self.triangles)
        if not len(self.triangles):
            return normals
        ids = self.triangle_ids[:, ::_SPARSE, ::_SPARSE].flatten(1)  # (B, P): some pixels tell enough
        seen = normals[..., 2].gather(1, self.triangles[ids.clamp(min=0).long(), 0]) * (ids >= 0)
        inward = seen.sum(1) < 0  # (B,)
        return normals * torch.where(inward, -1.0, 1.0)[:, None, None] if inward.any() else normals


def rasterized(vertices: Tensor, triangles: Tensor, height: int, width: int) -> Surface:
    """Rasterizes (B, N, 3) image-frame vertices."""
    return Surface(vertices, triangles, *ops.rasterize(vertices, triangles, height, width))
