"""The record of ``wing_loss``."""

from pyface3d.testing.record import OpRecord, instead

RECORD = OpRecord(
    name="wing_loss",
    build=lambda draw, B, N, w: (8 * draw.normal(B, N), 8 * draw.normal(B, N), w, 2.0),  # both branches, no kinks
    sizes={"B": 3, "N": 37},
    differentiable=("pred", "target"),
    edges={"B": (1,), "N": (1, 3, 4, 8, 16, 5461, 5462)},
    choices={"w": (10.0, 3.0)},
    scale=10,
    errors=(
        instead(r"target must have the shape of pred \(3, 37\), got \(37,\)", target=lambda t: t[0]),
        instead("w must be positive and finite, got 0", w=0.0),
        instead("epsilon must be positive and finite, got -1", epsilon=-1.0),
        instead("pred must be float32 or float64", pred=lambda p: p.half()),
    ),
)
