"""The record of ``attribute_loss``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead


def _build(draw: Draw, B: int, M: int, weighted: bool, masked: bool) -> tuple[Tensor | None, ...]:
    labels = draw.integers(3, B, M).to(draw.dtype) - 1  # -1: unknown
    weights = 0.5 + draw.uniform(M) if weighted else None
    return 3 * draw.normal(B, M), labels, weights, draw.integers(4, B, M) > 0 if masked else None


RECORD = OpRecord(
    name="attribute_loss",
    build=_build,
    sizes={"B": 3, "M": 7},
    differentiable=("logits",),
    edges={"B": (1, 64, 65), "M": (1, 4, 8, 16, 17, 40)},
    choices={"weighted": (True, False), "masked": (True, False)},
    errors=(
        instead(r"logits must be \(B, M\) = \(\*, \*\), got \(7,\)", logits=lambda x: x[0], mask=None),
        instead("labels must be the shape of logits", labels=lambda x: x[:, :2]),
        instead("pos_weight must not be negative, got -1 at position 0", pos_weight=lambda w: w.clone().fill_(-1)),
        instead("pos_weight are all zero", pos_weight=torch.zeros_like),
        instead("mask must be bool", mask=lambda m: m.int()),
    ),
)
