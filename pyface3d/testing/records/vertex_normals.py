"""The record of ``vertex_normals``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead
from pyface3d.testing.records.surface import triangles_of


def _build(draw: Draw, B: int, N: int, F: int, tabled: bool) -> tuple[Tensor | None, ...]:
    triangles = triangles_of(draw, N, F)
    at = triangles.flatten()
    offsets = torch.cat([at.new_zeros(1), at.bincount(minlength=N).cumsum(0)])
    table = torch.cat([offsets, at.argsort(stable=True)]).int() if tabled else None
    return draw.normal(B, N, 3), triangles, table


RECORD = OpRecord(
    name="vertex_normals",
    build=_build,
    sizes={"B": 2, "N": 9, "F": 15},
    differentiable=("vertices",),
    edges={"B": (1, 4, 5, 19), "N": (1, 3, 4, 17, 65), "F": (1, 2)},
    choices={"tabled": (False, True)},
    ranges={"triangles": "N"},
    errors=(
        instead(r"vertices must be \(B, N, 3\)", vertices=lambda v: v[0]),
        instead(
            r"incidence must be \(N \+ 1 \+ 3 F,\) = \(55,\)", incidence=lambda _: torch.zeros(54, dtype=torch.int32)
        ),
        instead("incidence must be int32", incidence=lambda _: torch.zeros(55)),
        instead(r"triangles\[0\] names vertex 9, but vertices has 9", triangles=lambda t: torch.full_like(t, 9)),
    ),
)
