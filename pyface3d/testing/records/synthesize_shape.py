"""The record of ``synthesize_shape``."""

from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead


def _build(draw: Draw, B: int, N: int, K: int, L: int, posed: bool, picked: bool) -> tuple[Tensor | None, ...]:
    pose = draw.normal(B, 3, 4) if posed else None
    picks = draw.integers(N, L if N else 0) if picked else None
    return draw.normal(N, 3), draw.normal(N, 3, K), draw.normal(B, K), pose, picks


RECORD = OpRecord(
    name="synthesize_shape",
    build=_build,
    sizes={"B": 3, "N": 7, "K": 4, "L": 9},
    differentiable=("mean", "basis", "coeffs", "pose"),
    edges={"B": (1, 4, 5, 129), "N": (1, 8, 16, 17, 63, 64, 65, 3585), "K": (1, 8, 17, 33)},
    choices={"posed": (True, False), "picked": (False, True)},
    ranges={"indices": "N"},
    scale=10,
    errors=(
        instead(r"mean must be \(N, 3\) = \(\*, 3\), got \(3,\)", mean=lambda m: m[0]),
        instead(r"basis must be \(N, 3, K\) = \(7, 3, \*\), got \(6, 3, 4\)", basis=lambda b: b[1:]),
        instead(r"coeffs must be \(B, K\) = \(\*, 4\), got \(3, 3\)", coeffs=lambda c: c[:, 1:]),
        instead(r"pose must be \(B, 3, 4\) = \(3, 3, 4\), got \(2, 3, 4\)", pose=lambda p: p[1:]),
    ),
)
