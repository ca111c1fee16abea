"""Plain-torch Laplacian smoothness of a mesh."""

import torch
from torch import Tensor


def laplacian_smoothness(
    vertices: Tensor,
    offsets: Tensor,
    neighbors: Tensor,
    weights: Tensor | None = None,
    vertex_weights: Tensor | None = None,
) -> Tensor:
    """``sum_n q_n |sum_e w_e (V_j(e) - V_n)|^2`` over the entries e of row n: (B, N, 3) -> (B,)."""
    n = torch.arange(vertices.shape[1], device=vertices.device)
    rows = n.repeat_interleave(offsets.long().diff(), output_size=len(neighbors))  # (E,)
    differences = vertices[:, neighbors] - vertices[:, rows]  # (B, E, 3)
    if weights is not None:
        differences = differences * weights[:, None]
    squares = torch.zeros_like(vertices).index_add(1, rows, differences).square().sum(2)  # (B, N)
    return (squares if vertex_weights is None else squares * vertex_weights).sum(1)
