"""The records of ``render_position_map`` and ``synthesize_position_map``: of the tensors of a small atlas."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing.record import Draw, OpRecord, instead


@dataclass
class Atlas:
    """What the ops need of an atlas."""

    corners: Tensor  # (U, V, 3) int32
    barycentrics: Tensor  # (U, V, 3) float32
    reader_offsets: Tensor  # (N + 1,) int32
    reader_texels: Tensor  # (E,) int32
    reader_weights: Tensor  # (E,) float32


def _atlas(draw: Draw, N: int, U: int, V: int) -> tuple[Tensor, ...]:
    """Random corners, some texels without weight, and the readers: which texels read each vertex."""
    draw = Draw(draw.dtype, draw.device, seed=1)  # the same atlas whatever was drawn before
    corners = draw.integers(N, U if N else 0, V, 3, dtype=torch.int32)
    weights = (draw.uniform(*corners.shape) * draw.integers(3, *corners.shape[:2], 1)).float()
    texel = torch.arange(corners.shape[0] * V, device=draw.device).repeat_interleave(3)
    order = corners.flatten().argsort(stable=True)
    order = order[weights.flatten()[order] > 0]
    counts = torch.bincount(corners.flatten()[order].long(), minlength=N)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()
    return corners, weights, offsets, texel[order].int(), weights.flatten()[order]


@dataclass
class Source:
    """A mean and a basis."""

    mean: Tensor
    basis: Tensor


def _render(
    vertices: Tensor, corners: Tensor, weights: Tensor, offsets: Tensor, texels: Tensor, reader_weights: Tensor
) -> Tensor:
    return ops.render_position_map(vertices, Atlas(corners, weights, offsets, texels, reader_weights))


def _synthesize(
    mean: Tensor,
    basis: Tensor,
    coeffs: Tensor,
    pose: Tensor | None,
    corners: Tensor,
    weights: Tensor,
    offsets: Tensor,
    texels: Tensor,
    reader_weights: Tensor,
) -> Tensor:
    atlas = Atlas(corners, weights, offsets, texels, reader_weights)
    return ops.synthesize_position_map(Source(mean, basis), coeffs, pose, atlas)


def _build_synthesis(draw: Draw, B: int, N: int, K: int, U: int, V: int, posed: bool) -> tuple[Tensor | None, ...]:
    pose = draw.normal(B, 3, 4) if posed else None
    return draw.normal(N, 3), draw.normal(N, 3, K), draw.normal(B, K), pose, *_atlas(draw, N, U, V)


RECORD = OpRecord(
    name="render_position_map",
    op=_render,
    reference=lambda vertices, *atlas: reference.render_position_map(vertices, Atlas(*atlas)),
    build=lambda draw, B, N, U, V: (draw.normal(B, N, 3), *_atlas(draw, N, U, V)),
    sizes={"B": 2, "N": 7, "U": 4, "V": 5},
    differentiable=("vertices",),
    edges={"B": (1, 3, 4, 5, 9), "N": (1, 4097), "U": (1, 820), "V": (1,)},
    ranges={"render_position_map.corners": "N", "render_position_map_backward.reader_texels": "UV"},
    free=("reader_offsets.0",),  # sets the number of vertices
    promotes=False,
    errors=(
        instead(r"vertices must be \(B, N, 3\) with the atlas' N", vertices=lambda v: v[:, 1:]),
        instead("corners must be int32, as UVAtlas stores it", corners=lambda c: c.long()),
        instead("weights must be float32, as UVAtlas stores it", weights=lambda w: w.double()),
    ),
)
SYNTHESIS = OpRecord(
    name="synthesize_position_map",
    op=_synthesize,
    reference=lambda mean, basis, coeffs, pose, *atlas: reference.synthesize_position_map(
        Source(mean, basis), coeffs, pose, Atlas(*atlas)
    ),
    build=_build_synthesis,
    sizes={"B": 2, "N": 7, "K": 3, "U": 4, "V": 5},
    differentiable=("mean", "basis", "coeffs", "pose"),
    edges={"B": (1, 5), "K": (1,)},
    choices={"posed": (True, False)},
    free=("reader_offsets.0",),
    promotes=False,
    errors=(instead(r"coeffs must be \(B, K\) = \(\*, 3\), got \(2, 2\)", coeffs=lambda c: c[:, 1:]),),
)
