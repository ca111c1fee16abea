"""The record of ``rasterize``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead
from pyface3d.testing.records.surface import triangles_of


def _build(draw: Draw, B: int, N: int, F: int, H: int, W: int, cull: bool) -> tuple[Tensor | int | bool, ...]:
    vertices = 12 * draw.uniform(B, N, 3) - 2
    return vertices, triangles_of(draw, N, F), H, W, cull


RECORD = OpRecord(
    name="rasterize",
    build=_build,
    sizes={"B": 2, "N": 9, "F": 7, "H": 8, "W": 6},
    differentiable=("vertices",),
    edges={"B": (1,), "N": (3, 20), "F": (1, 40), "H": (1, 17, 65), "W": (1, 17, 65)},
    least={"H": 1, "W": 1},
    choices={"cull": (False, True)},
    ranges={"triangles": "N"},
    scale=10,
    errors=(
        instead("height and width must be 1 to 32767 pixels, got 0 x 6", height=0),
        instead("height and width must be 1 to 32767 pixels, got 8 x 40000", width=40000),
        instead(r"triangles must be \(F, 3\) = \(\*, 3\), got \(7, 2\)", triangles=lambda t: t[:, :2]),
        instead(r"triangles\[0\] names vertex 9, but vertices has 9", triangles=lambda t: torch.full_like(t, 9)),
    ),
)
