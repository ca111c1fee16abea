"""Arrays in, pictures out: NumPy users get (H, W, 3), torch users (3, H, W), both uint8 RGB."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Array: TypeAlias = np.ndarray | Tensor


class Form(NamedTuple):
    """How the caller's vertices came, and so how the pictures go back."""

    numpy: bool
    batched: bool

    def give(self, pictures: Tensor) -> Any:
        """(B, H, W, 3) uint8 tensor -> the caller's kind of array."""
        pictures = pictures if self.batched else pictures[0]
        return pictures.cpu().numpy() if self.numpy else pictures.movedim(-1, -3)


def as_vertices(op: str, vertices: Array) -> tuple[Tensor, Form]:
    """(N, 3) or (B, N, 3) of any real dtype -> (B, N, 3) float32, without gradient."""
    form = Form(isinstance(vertices, np.ndarray), vertices.ndim == 3)
    if vertices.ndim not in (2, 3) or vertices.shape[-1] != 3:
        raise ValueError(f"{op}: vertices must be (N, 3) or (B, N, 3), got {tuple(vertices.shape)}")
    tensor = as_float(vertices)
    return tensor if form.batched else tensor[None], form


def as_float(values: Array) -> Tensor:
    """Any real array as a float32 tensor without gradient."""
    return as_tensor(values).float()


def as_tensor(values: Array) -> Tensor:
    """The same values as a tensor without gradient; shares memory where it can."""
    if isinstance(values, Tensor):
        return values.detach()
    return torch.from_numpy(np.require(values, requirements=["C", "W"]))


def as_table(op: str, triangles: Array, device: torch.device) -> Tensor:
    """(F, 3) of any integer dtype -> int64 on ``device``."""
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"{op}: triangles must be (F, 3), got {tuple(triangles.shape)}")
    return as_tensor(triangles).to(device, torch.int64)


def as_pictures(op: str, image: Array, device: torch.device | None = None) -> Tensor:
    """Any picture as (B, H, W, 3) float32 of 0 to 255.

    NumPy: (H, W), (H, W, C) or (B, H, W, C); torch: (H, W), (C, H, W) or (B, C, H, W), with C = 1 (gray), 3 (RGB) or
    4 (RGBA, its alpha dropped); uint8, uint16 (of 65535), bool, or floating (of 1).
    """
    tensor = as_tensor(image)
    if tensor.ndim == 2:
        tensor = tensor[..., None]
    elif isinstance(image, Tensor) and tensor.ndim in (3, 4):
        tensor = tensor.movedim(-3, -1)
    if tensor.ndim not in (3, 4) or tensor.shape[-1] not in (1, 3, 4):
        wanted = "(H, W, 3)" if isinstance(image, np.ndarray) else "(3, H, W)"
        raise ValueError(f"{op}: image must be {wanted}, gray or with alpha, got {tuple(image.shape)}")
    full = {torch.uint8: 255.0, torch.uint16: 65535.0, torch.bool: 1.0}.get(tensor.dtype)
    if full is None and not tensor.is_floating_point():
        raise ValueError(f"{op}: image must be uint8, uint16, bool or floating, got {tensor.dtype}")
    tensor = tensor[..., :3].to(device=device, dtype=torch.float32) * (255.0 / (full or 1.0))
    tensor = tensor.expand(*tensor.shape[:-1], 3)
    return tensor if tensor.ndim == 4 else tensor[None]


def as_colors(op: str, colors: Array, n_vertices: int, device: torch.device) -> Tensor:
    """Vertex colors (N, 3) or (B, N, 3), uint8 or floating of 1 -> float32 of 0 to 255."""
    if colors.ndim not in (2, 3) or tuple(colors.shape[-2:]) != (n_vertices, 3):
        raise ValueError(f"{op}: colors must be ({n_vertices}, 3) or (B, {n_vertices}, 3), got {tuple(colors.shape)}")
    scale = 1.0 if colors.dtype in (np.uint8, torch.uint8) else 255.0
    return as_float(colors).to(device) * scale


def to_uint8(values: Tensor) -> Tensor:
    """Floating 0 to 255 -> uint8, rounded and clamped; what is not finite becomes 0."""
    return values.nan_to_num(0.0, 0.0, 0.0).clamp(0, 255).add(0.5).to(torch.uint8)
