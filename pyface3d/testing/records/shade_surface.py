"""The record of ``shade_surface``."""

import torch
from torch import Tensor

from pyface3d.testing.record import Draw, OpRecord, instead
from pyface3d.testing.records.surface import picture_of

_LIGHT = (0.0, 0.6, 0.8, 0.4, 0.5, 0.3, 8.0)


def _build(
    draw: Draw, B: int, N: int, F: int, H: int, W: int, albedo: str, canvas: bool
) -> tuple[Tensor | tuple[float, ...] | float | None, ...]:
    picture = picture_of(draw, B, N, F, H, W)
    colors = {"none": None, "one": 200 * draw.uniform(3), "each": 200 * draw.uniform(B, H, W, 3)}[albedo]
    behind = draw.integers(256, B, H, W, 3).to(torch.uint8) if canvas else None
    texels = picture.triangle_ids, picture.barycentrics, picture.triangles
    return draw.normal(B, N, 3), *texels, colors, behind, _LIGHT, 0.7


RECORD = OpRecord(
    name="shade_surface",
    build=_build,
    sizes={"B": 2, "N": 9, "F": 7, "H": 4, "W": 5},
    edges={"B": (1,), "N": (1,), "H": (1,), "W": (1, 8, 16, 17, 1025)},
    choices={"albedo": ("each", "one", "none"), "canvas": (True, False)},
    ranges={"triangles": "N", "triangle_ids": "F"},
    free=("albedo",),  # (B, H, W, 3) or (3,)
    dtypes=(torch.float32,),
    promotes=False,
    errors=(
        instead("light must be 7 numbers .*, got 6", light=_LIGHT[:6]),
        instead(r"albedo must be \(B, H, W, 3\) or \(3,\)", albedo=lambda a: a[:1]),
        instead("normals must be float32; convert it", normals=lambda n: n.double()),
    ),
)
