"""Plain-torch perspective projection."""

import torch
from torch import Tensor


def project_perspective(vertices: Tensor, pose: Tensor, intrinsics: Tensor) -> Tensor:
    """``q = K (R V + t)``, seen at ``q_xy / q_z``: (B, N, 3), (B, 3, 4), (B, 3, 3) -> (B, N, 3)."""
    rotation, translation = pose[..., :3], pose[..., 3]
    seen = (vertices @ rotation.transpose(1, 2) + translation[:, None]) @ intrinsics.transpose(1, 2)
    inverse = 1 / seen[..., 2:]
    return torch.cat([seen[..., :2] * inverse, inverse], -1)
