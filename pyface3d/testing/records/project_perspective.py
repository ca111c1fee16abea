"""The record of ``project_perspective``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead


def _build(draw: Draw, B: int, N: int) -> tuple[Tensor, ...]:
    """Cameras a few units before points of unit size: depths stay away from zero."""
    away = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 4]]).to(draw.device, draw.dtype)
    camera = torch.eye(3).to(draw.device, draw.dtype)
    return (
        2 * draw.uniform(B, N, 3) - 1,
        0.5 * (2 * draw.uniform(B, 3, 4) - 1) + away,
        camera + 0.1 * (2 * draw.uniform(B, 3, 3) - 1),
    )


RECORD = OpRecord(
    name="project_perspective",
    build=_build,
    sizes={"B": 3, "N": 7},
    differentiable=("vertices", "pose", "intrinsics"),
    edges={"B": (1,), "N": (1, 8, 17, 4095, 4096, 4097)},
    errors=(
        instead(r"vertices must be \(B, N, 3\) = \(\*, \*, 3\), got \(7, 3\)", vertices=lambda v: v[0]),
        instead(r"pose must be \(B, 3, 4\) = \(3, 3, 4\), got \(3, 2, 4\)", pose=lambda p: p[:, :2]),
        instead(r"intrinsics must be \(B, 3, 3\) = \(3, 3, 3\), got \(2, 3, 3\)", intrinsics=lambda k: k[:2]),
        instead("vertices must be float32 or float64", vertices=lambda v: v.half()),
    ),
)
