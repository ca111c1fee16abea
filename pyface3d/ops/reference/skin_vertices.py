"""Plain-torch linear blend skinning."""

import torch
from torch import Tensor


def skin_vertices(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """``sum_j w_jn A_j (V_n, 1)``: (B, N, 3), (J, N), (B, J, 3, 4) -> (B, N, 3)."""
    blended = torch.einsum("jn,bjrc->bnrc", weights, transforms)
    return (blended[..., :3] @ vertices[..., None])[..., 0] + blended[..., 3]
