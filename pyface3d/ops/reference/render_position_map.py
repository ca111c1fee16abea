"""Plain-torch position map."""

import torch
from torch import Tensor

from pyface3d.ops.render_position_map import Gather


def render_position_map(vertices: Tensor, atlas: Gather) -> Tensor:
    """``map[b, :, t] = sum_k w[t, k] V[b, corner[t, k]]``: (B, N, 3) -> (B, 3, U, V)."""
    corners = vertices[:, atlas.corners.long()]  # (B, U, V, 3 corners, 3)
    return torch.einsum("buvkc,uvk->bcuv", corners, atlas.barycentrics.to(vertices.dtype))
