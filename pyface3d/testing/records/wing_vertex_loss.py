"""The record of ``wing_vertex_loss``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead


def _build(
    draw: Draw, B: int, N: int, K: int, L: int, kind: str, weighted: bool, picked: bool
) -> tuple[Tensor | float | str | None, ...]:
    model = draw.normal(N, 3), draw.normal(N, 3, K)
    faces = draw.normal(B, K), draw.normal(B, 3, 4), draw.normal(B, K), draw.normal(B, 3, 4)
    picks = draw.integers(N, L if N else 0) if picked else None
    weights = 0.5 + draw.uniform(len(model[0] if picks is None else picks)) if weighted else None
    return *model, *faces, 3.0, 0.7, weights, picks, kind


RECORD = OpRecord(
    name="wing_vertex_loss",
    build=_build,
    sizes={"B": 3, "N": 7, "K": 4, "L": 9},
    differentiable=("coeffs", "pose"),
    edges={"B": (1, 4, 5), "N": (1, 8, 16, 17, 255, 256, 257, 16385), "K": (1, 8, 17)},
    choices={"kind": ("wing", "l1", "smooth_l1", "l2"), "weighted": (True, False), "picked": (False, True)},
    ranges={"indices": "N"},
    scale=1e2,  # sums over all vertices
    errors=(
        instead("kind must be one of wing, l1, smooth_l1, l2, got 'l3'", ValueError, kind="l3"),
        instead(r"pose must be \(B, 3, 4\) = \(3, 3, 4\), got \(3, 2, 4\)", pose=lambda p: p[:, :2]),
        instead(r"weights must be \(N,\) = \(7,\), got \(6,\)", weights=lambda w: w[1:]),
        instead("weights must not be negative, got -1", weights=lambda w: w.clone().fill_(-1)),
        instead("weights are all zero", weights=torch.zeros_like),
        instead("w must be positive and finite, got 0", w=0.0),
        instead("epsilon must be positive and finite, got 0", epsilon=0.0),
    ),
)
