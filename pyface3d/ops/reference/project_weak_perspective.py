"""Plain-torch projection."""

from torch import Tensor


def project_weak_perspective(vertices: Tensor, pose: Tensor) -> Tensor:
    """``V' = M V + t``: (B, N, 3), (B, R, 4) -> (B, N, R)."""
    return vertices @ pose[..., :3].transpose(1, 2) + pose[..., 3][:, None]
