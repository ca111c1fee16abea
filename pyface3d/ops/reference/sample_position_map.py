"""Plain-torch bilinear reading of position maps."""

import torch
from torch import Tensor


def sample_position_map(maps: Tensor, uv: Tensor) -> Tensor:
    """Four taps per point: (B, 3, U, V), (N, 2) -> (B, N, 3)."""
    rows, columns = maps.shape[2:]
    column = (uv[:, 0] * (columns - 1)).clamp(0, columns - 1)  # (N,)
    row = ((1 - uv[:, 1]) * (rows - 1)).clamp(0, rows - 1)
    left = column.detach().nan_to_num().long().clamp(max=max(columns - 2, 0))
    top = row.detach().nan_to_num().long().clamp(max=max(rows - 2, 0))
    right, bottom = (left + 1).clamp(max=columns - 1), (top + 1).clamp(max=rows - 1)
    across, down = column - left, row - top
    upper = maps[:, :, top, left] * (1 - across) + maps[:, :, top, right] * across  # (B, 3, N)
    lower = maps[:, :, bottom, left] * (1 - across) + maps[:, :, bottom, right] * across
    return torch.transpose(upper * (1 - down) + lower * down, 1, 2)
