"""The record of ``vertex_normals``."""

import torch

from pyface3d.testing.record import OpRecord, instead
from pyface3d.testing.records.surface import triangles_of

RECORD = OpRecord(
    name="vertex_normals",
    build=lambda draw, B, N, F: (draw.normal(B, N, 3), triangles_of(draw, N, F)),
    sizes={"B": 2, "N": 9, "F": 15},
    differentiable=("vertices",),
    edges={"B": (1, 4, 5, 19), "N": (1, 3, 4, 17, 65), "F": (1, 2)},
    ranges={"triangles": "N"},
    errors=(
        instead(r"vertices must be \(B, N, 3\)", vertices=lambda v: v[0]),
        instead(r"triangles\[0\] names vertex 9, but vertices has 9", triangles=lambda t: torch.full_like(t, 9)),
    ),
)
