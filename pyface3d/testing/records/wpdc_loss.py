"""The records of ``wpdc_loss``, of its resampled form and of its weights: moments stand beside the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing.record import Draw, OpRecord, instead

_SCALE = 0.5


@dataclass
class Space:
    """What the loss needs of a parameter space."""

    mean: Tensor
    std: Tensor
    size: int = 120


@dataclass
class Gram:
    """What it needs of a Gram matrix."""

    axes: Tensor
    n_vertices: int
    unit: str = "um"


@dataclass
class Model:
    """What it needs of a model whose vertices are resampled."""

    mean: Tensor
    basis: Tensor
    unit: str = "um"


def _of_gram(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The op with the tensors of its space and its Gram matrix as arguments, and the model's for the reference."""

    def op(
        pred: Tensor,
        target: Tensor,
        param_mean: Tensor,
        param_std: Tensor,
        axes: Tensor,
        mean: Tensor,
        basis: Tensor,
        scale: float,
        epsilon: float,
    ) -> Tensor:
        gram = Gram(axes, mean.shape[0])
        return function(pred, target, Space(param_mean, param_std), gram, None, scale, epsilon)

    return op


def _of_model(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The reference, which has no use for the Gram matrix."""

    def truth(*args: Any) -> Tensor:
        *parameters, _, mean, basis, scale, epsilon = args
        return function(*parameters, mean, basis, scale, epsilon)

    return truth


def _resampled(
    pred: Tensor,
    target: Tensor,
    param_mean: Tensor,
    param_std: Tensor,
    mean: Tensor,
    basis: Tensor,
    indices: Tensor,
    scale: float,
    epsilon: float,
) -> Tensor:
    model = Model(mean, basis)
    return ops.wpdc_loss(pred, target, Space(param_mean, param_std), model, indices, scale, epsilon)


def _resampled_reference(*args: Any) -> Tensor:
    *parameters, mean, basis, indices, scale, epsilon = args
    return reference.wpdc_loss(*parameters, mean[indices], basis[indices], scale, epsilon)


def _parameters(draw: Draw, B: int, N: int, K: int) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    tables = draw.normal(12 + K), 0.5 + draw.uniform(12 + K)
    return (draw.normal(B, 12 + K), draw.normal(B, 12 + K), *tables), draw.normal(N, 3), draw.normal(N, 3, K)


def _build(draw: Draw, B: int, N: int, K: int) -> tuple[Tensor | float, ...]:
    parameters, mean, basis = _parameters(draw, B, N, K)
    columns = torch.cat([mean[:, :, None], basis], 2).double()  # (N, 3, K + 1)
    axes = torch.einsum("nxi,nxj->xij", columns, columns).to(mean.dtype)
    return *parameters, axes, mean, basis, _SCALE, 1e-3


def _build_resampled(draw: Draw, B: int, N: int, K: int, L: int) -> tuple[Tensor | float, ...]:
    parameters, mean, basis = _parameters(draw, B, N, K)
    return *parameters, mean, basis, draw.integers(N, L if N else 0), _SCALE, 1e-3


_ERRORS = (
    instead("pred must hold 12 pose entries", pred=lambda p: p[:, :11], target=lambda t: t[:, :11],
            param_mean=lambda m: m[:11], param_std=lambda s: s[:11]),
    instead("scale must be positive, got 0", scale=0.0),
    instead("epsilon must be positive, got 0", epsilon=0.0),
)  # fmt: skip

RECORD = OpRecord(
    name="wpdc_loss",
    op=_of_gram(ops.wpdc_loss),
    reference=_of_model(reference.wpdc_loss),
    build=_build,
    sizes={"B": 3, "N": 6, "K": 4},
    differentiable=("pred", "target"),
    edges={"B": (1, 64, 65), "K": (1, 7, 16, 17)},
    smooth=False,  # the weights count as constants
    errors=_ERRORS,
)
RESAMPLED = OpRecord(
    name="wpdc_loss_resampled",
    op=_resampled,
    reference=_resampled_reference,
    build=_build_resampled,
    sizes={"B": 3, "N": 6, "K": 4, "L": 9},
    differentiable=("pred", "target"),
    edges={"B": (1, 65), "K": (1, 7, 16, 17), "L": (1, 127, 128, 129)},
    ranges={"indices": "N"},
    free=("basis.2",),  # fewer coefficients than entries: the others are texture
    smooth=False,
    errors=_ERRORS,
)
WEIGHTS = OpRecord(
    name="wpdc_weights",
    op=_of_gram(ops.wpdc_weights),
    reference=_of_model(reference.wpdc_weights),
    build=_build,
    sizes={"B": 3, "N": 6, "K": 4},
    edges={"B": (1,), "K": (1, 17)},
    errors=_ERRORS,
)
