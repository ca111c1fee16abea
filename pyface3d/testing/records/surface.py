"""What the records of ops on rasterized meshes share: a small picture of random triangles."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyface3d.testing.record import Draw


class Picture(NamedTuple):
    """What ``rasterize`` returns of some mesh, by chance instead of by rasterizing."""

    triangles: Tensor  # (F, 3) int64
    triangle_ids: Tensor  # (B, H, W) int32, some -1
    barycentrics: Tensor  # (B, H, W, 3), 0 where there is no triangle


def triangles_of(draw: Draw, N: int, F: int) -> Tensor:
    """At most F triangles of three vertices each, no two of the same three: none lies on another."""
    every = torch.combinations(torch.arange(N), 3)
    order = draw.uniform(len(every)).argsort()[:F]
    return every.to(draw.device)[order].roll(1, 1)


def picture_of(draw: Draw, B: int, N: int, F: int, H: int, W: int) -> Picture:
    """A picture whose triangle ids and barycentrics are drawn at random."""
    triangles = triangles_of(draw, N, F)
    ids = draw.integers(len(triangles) + 1, B, H, W, dtype=torch.int32) - 1
    b = 0.1 + draw.uniform(B, H, W, 3)
    b = b / b.sum(-1, keepdim=True)
    return Picture(triangles, ids, b.where((ids >= 0)[..., None], b.new_zeros(())))
