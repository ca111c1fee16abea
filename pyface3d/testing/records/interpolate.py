"""The record of ``interpolate``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead
from pyface3d.testing.records.surface import picture_of


def _build(draw: Draw, B: int, N: int, F: int, H: int, W: int, C: int, shared: bool) -> tuple[Tensor, ...]:
    picture = picture_of(draw, B, N, F, H, W)
    attributes = draw.normal(*(() if shared else (B,)), N, C)
    return attributes, picture.triangle_ids, picture.barycentrics, picture.triangles


RECORD = OpRecord(
    name="interpolate",
    build=_build,
    sizes={"B": 2, "N": 9, "F": 7, "H": 4, "W": 5, "C": 3},
    differentiable=("attributes", "barycentrics"),
    edges={"B": (1,), "N": (1,), "C": (1, 2, 5), "H": (1,), "W": (1, 1024, 1639)},
    choices={"shared": (False, True)},
    ranges={"triangles": "N", "triangle_ids": "F"},
    free=("attributes",),  # (B, N, C) or (N, C)
    scale=10,
    errors=(
        instead(r"attributes must be \(B, N, C\) or \(N, C\), got \(3,\)", attributes=lambda a: a[0, 0]),
        instead(r"with B = 2, got \(1, 9, 3\)", attributes=lambda a: a[:1]),
        instead(r"triangles\[0\] names vertex 9, but attributes has 9", triangles=lambda t: torch.full_like(t, 9)),
        instead("triangle_ids names triangle 7, but triangles has 7", triangle_ids=lambda i: torch.full_like(i, 7)),
        instead("triangle_ids must be int32", triangle_ids=lambda i: i.long()),
    ),
)
