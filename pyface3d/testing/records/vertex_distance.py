"""The record of ``vertex_distance``: the Gram matrices stand beside the model that they are made of."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing.record import Draw, OpRecord, instead


@dataclass
class Gram:
    """What ``MorphableModel.gram`` builds."""

    posed: Tensor
    unposed: Tensor
    rows: int


def gram_of(mean: Tensor, basis: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Posed and unposed Gram matrix in plain torch, summed in float64."""
    columns, w = torch.cat([mean[:, :, None], basis], 2).double(), weights.double()  # (N, 3, K + 1)
    total, size = w.sum(), columns.shape[2]
    center = torch.einsum("n,nxk->xk", w, columns) / total
    centered = (columns - center).flatten(1)
    posed = columns.new_zeros(3 * size + 1, 3 * size + 1)
    posed[:-1, :-1] = torch.einsum("n,ni,nj->ij", w, centered, centered)
    posed[-1, :-1], posed[-1, -1] = center.flatten(), total
    unposed = columns.new_zeros(size + 1, size + 1)
    unposed[:-1, :-1] = torch.einsum("n,nxi,nxj->ij", w, columns, columns)
    return posed.to(mean.dtype), unposed.to(mean.dtype)


def _distance(
    gram: Tensor,
    unposed: Tensor,
    coeffs: Tensor,
    pose: Tensor | None,
    target_coeffs: Tensor,
    target_pose: Tensor | None,
    rows: int,
    mean: Tensor,
    basis: Tensor,
    weights: Tensor,
) -> Tensor:
    return ops.vertex_distance(Gram(gram, unposed, rows), coeffs, pose, target_coeffs, target_pose)


def _reference(*args: Any) -> Tensor:
    _, _, coeffs, pose, target_coeffs, target_pose, rows, mean, basis, weights = args
    poses = [None if p is None else p[:, :rows] for p in (pose, target_pose)]
    return reference.vertex_distance(mean, basis, coeffs, poses[0], target_coeffs, poses[1], weights)


def _build(draw: Draw, B: int, N: int, K: int, rows: int, posed: bool) -> tuple[Tensor | int | None, ...]:
    model = draw.normal(N, 3) + 2, draw.normal(N, 3, K), 0.5 + draw.uniform(N)
    faces = draw.normal(B, K), draw.normal(B, 3, 4) if posed else None
    targets = draw.normal(B, K), draw.normal(B, 3, 4) if posed else None
    return *gram_of(*model), *faces, *targets, rows, *model


RECORD = OpRecord(
    name="vertex_distance",
    op=_distance,
    reference=_reference,
    build=_build,
    sizes={"B": 3, "N": 6, "K": 4},
    differentiable=("coeffs", "pose", "target_coeffs", "target_pose"),
    edges={"B": (1, 4, 5, 9), "N": (1,), "K": (1, 5, 16)},
    least={"N": 1},
    choices={"posed": (True, False), "rows": (3, 2)},
    scale=1e2,  # sums of squares of many vertices; the dense ones of the reference are the less accurate
    errors=(
        instead(r"target_coeffs must be \(B, K\) = \(3, 4\), got \(2, 4\)", target_coeffs=lambda c: c[:2]),
        instead("gram must be .* for 4 coefficients, .* build it from the model", gram=lambda g: g[1:, 1:]),
        instead("both be given or both be None", TypeError, target_pose=None),
    ),
)
