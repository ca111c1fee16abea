"""The record of ``laplacian_smoothness``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead
from pyface3d.testing.records.surface import triangles_of


def _build(draw: Draw, B: int, N: int, F: int, weighted: bool, valued: bool) -> tuple[Tensor | None, ...]:
    triangles = triangles_of(draw, N, F)  # first: the same ones whatever B is
    near = torch.zeros(N, N, dtype=torch.bool, device=draw.device)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        near[triangles[:, a], triangles[:, b]] = near[triangles[:, b], triangles[:, a]] = True
    rows, neighbors = near.nonzero().int().unbind(1)
    offsets = torch.cat([rows.new_zeros(1), near.sum(1).cumsum(0)]).int()
    each = draw.uniform(N, N)
    weights = (each + each.T)[near] if weighted else None
    return draw.normal(B, N, 3), offsets, neighbors, weights, draw.uniform(N) if valued else None


RECORD = OpRecord(
    name="laplacian_smoothness",
    build=_build,
    sizes={"B": 2, "N": 9, "F": 15},
    differentiable=("vertices",),
    edges={"B": (1, 4, 19), "N": (1, 3, 4, 17, 65), "F": (1, 2)},
    choices={"weighted": (True, False), "valued": (True, False)},
    ranges={"neighbors": "N", "offsets": "N"},
    scale=1e2,  # sums over all vertices
    errors=(
        instead(r"vertices must be \(B, N, 3\)", vertices=lambda v: v[0]),
        instead(r"offsets must be \(N \+ 1,\) = \(10,\), got \(9,\)", offsets=lambda o: o[1:]),
        instead("offsets must rise from 0 to E", offsets=lambda o: o.flip(0)),
        instead(r"neighbors must lie in \[0, 9\), got 9", neighbors=lambda j: torch.full_like(j, 9)),
        instead("weights counts as a constant", ValueError, weights=lambda w: w.clone().requires_grad_()),
    ),
)
