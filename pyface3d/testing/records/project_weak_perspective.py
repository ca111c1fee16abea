"""The record of ``project_weak_perspective``."""

from pyface3d.testing.record import OpRecord, instead

RECORD = OpRecord(
    name="project_weak_perspective",
    build=lambda draw, B, N, rows: (draw.normal(B, N, 3), draw.normal(B, rows, 4)),
    sizes={"B": 3, "N": 7},
    differentiable=("vertices", "pose"),
    edges={"B": (1,), "N": (1, 4095, 4096, 4097)},
    choices={"rows": (3, 2)},
    free=("pose.1",),  # three rows or two
    errors=(
        instead(r"vertices must be \(B, N, 3\) = \(\*, \*, 3\), got \(7, 3\)", vertices=lambda v: v[0]),
        instead(r"pose must be \(B, 3, 4\) or \(B, 2, 4\) with B = 3, got \(2, 3, 4\)", pose=lambda p: p[:2]),
        instead(r"pose must be .* got \(3, 4, 4\)", pose=lambda p: p[:, [0, 1, 2, 2]]),
        instead("vertices must be float32 or float64", vertices=lambda v: v.half()),
    ),
)
