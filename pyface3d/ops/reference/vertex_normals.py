"""Plain-torch vertex normals."""

import torch
from torch import Tensor


def vertex_normals(vertices: Tensor, triangles: Tensor, incidence: Tensor | None = None) -> Tensor:
    """Normalized sums of the cross products at each vertex: (B, N, 3), (F, 3) -> (B, N, 3); no need of a table."""
    corners = vertices[:, triangles]  # (B, F, 3, 3)
    edges = corners[:, :, 1:] - corners[:, :, :1]
    products = torch.linalg.cross(edges[:, :, 0], edges[:, :, 1])  # (B, F, 3)
    products = products.where(products.isfinite().all(-1, keepdim=True), products.new_zeros(()))
    sums = torch.zeros_like(vertices).index_add(1, triangles.flatten(), products.repeat_interleave(3, 1))
    squared = sums.square().sum(-1, keepdim=True)
    return sums * squared.where(squared > 0, squared.new_ones(())).rsqrt()
