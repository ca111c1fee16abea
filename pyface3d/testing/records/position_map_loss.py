"""The record of ``position_map_loss``."""

import torch

from pyface3d.testing.record import OpRecord, instead

RECORD = OpRecord(
    name="position_map_loss",
    build=lambda draw, B, U, V, squared: (*draw.normal(2, B, 3, U, V), draw.uniform(U, V), squared),
    sizes={"B": 2, "U": 3, "V": 5},
    differentiable=("pred", "target"),
    edges={"B": (1,), "U": (1, 64, 820, 1639), "V": (1, 8, 17)},
    choices={"squared": (False, True)},
    scale=10,
    errors=(
        instead(r"pred must be \(B, 3, U, V\) = \(\*, 3, \*, \*\), got \(2, 1, 3, 5\)", pred=lambda p: p[:, :1]),
        instead(r"weight_mask must be \(U, V\) = \(3, 5\), got \(1, 5\)", weight_mask=lambda w: w[:1]),
        instead("weight_mask must not be negative, got -1", weight_mask=lambda w: w.clone().fill_(-1)),
        instead("weight_mask are all zero", weight_mask=torch.zeros_like),
    ),
)
