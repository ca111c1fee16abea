"""The record of ``skin_vertices``."""

from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead


def _build(draw: Draw, B: int, N: int, J: int) -> tuple[Tensor, ...]:
    return draw.normal(B, N, 3), draw.uniform(J, N), draw.normal(B, J, 3, 4)


RECORD = OpRecord(
    name="skin_vertices",
    build=_build,
    sizes={"B": 3, "N": 7, "J": 5},
    differentiable=("vertices", "transforms"),
    edges={"B": (1,), "N": (1, 8, 17, 1023, 1024, 1025), "J": (1, 55)},
    scale=10,
    errors=(
        instead(r"vertices must be \(B, N, 3\) = \(\*, \*, 3\), got \(7, 3\)", vertices=lambda v: v[0]),
        instead(r"weights must be \(J, N\) = \(\*, 7\), got \(7, 5\)", weights=lambda w: w.T),
        instead(
            r"transforms must be \(B, J, 3, 4\) = \(3, 5, 3, 4\), got \(3, 4, 3, 4\)", transforms=lambda m: m[:, 1:]
        ),
        instead("vertices must be float32 or float64", vertices=lambda v: v.half()),
    ),
)
