"""Weighted parameter distance cost of 3DDFA."""

from typing import Any, Protocol

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d

#: 3DDFA's weak-perspective scale in pixels per micrometer for crops of 120 pixels
PUBLISHED_SCALE = 0.00057339936
_MICROMETERS = {"um": 1.0, "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6}  # of the units that models come in


class ParameterTables(Protocol):
    """What is needed of a :class:`pyface3d.ParameterSpace`."""

    mean: Tensor  # (P,)
    std: Tensor  # (P,)
    size: int


def wpdc_loss(
    pred: Tensor,
    target: Tensor,
    space: ParameterTables,
    model: Any,
    indices: Tensor | None = None,
    scale: float | None = None,
    epsilon: float = 1e-6,
) -> Tensor:
    """3DDFA's weighted parameter distance cost of each sample (Zhu et al. 2016, eq. 9 and 10; its code's details).

    ``mean_i w_i (p_i - g_i)^2`` over the 12 + K whitened entries. The weight of an entry says how far its error moves
    the vertices: ``w = |error| norm``, un-whitened, where ``norm`` is that of the target shape's x, y or z coordinates
    for the pose, ``sqrt(points)`` for t_x and t_y, and ``scale |basis column|`` for coefficients. Then ``epsilon`` is
    added, each sample's weights are divided by their maximum, and t_z (entry 11) gets 0. No gradient flows through
    the weights. The norms come in closed form from the model's Gram matrix, over all vertices; 3DDFA resamples 200.

    Args:
        pred: (B, P) whitened parameters, float32 or float64.
        target: (B, P) whitened parameters; differentiable as well.
        space: the whitening tables; texture entries are left out of the loss.
        model: the face model, or a Gram matrix of it (``model.gram(...)``) whose vertices count.
        indices: int64 (L,) vertices that count, for 3DDFA's resampling; None: all.
        scale: pixels per model unit; None: the published 0.00057339936 pixels per micrometer at 120 pixels, converted
            to the model's unit and the space's size.
        epsilon: added to the weights before the division.

    Returns:
        (B,). A sample without error has zero loss and zero gradient.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or model and space differ in coefficients.
        ValueError: ``indices`` together with a Gram matrix, or a unit without a published scale.

    Example:
        >>> import torch, pyface3d
        >>> model, space = pyface3d.MorphableModel.default(), pyface3d.ParameterSpace()
        >>> pyface3d.ops.wpdc_loss(torch.zeros(2, 62), torch.zeros(2, 62), space, model)
        tensor([0., 0.])
    """
    return _weighted(pred, target, space, model, indices, scale, epsilon)[0]


def wpdc_weights(
    pred: Tensor,
    target: Tensor,
    space: ParameterTables,
    model: Any,
    indices: Tensor | None = None,
    scale: float | None = None,
    epsilon: float = 1e-6,
) -> Tensor:
    """The weights of :func:`wpdc_loss`, detached; arguments and errors as there.

    Returns:
        (B, P), in [0, 1]; the largest of each sample is 1, those of t_z and of texture entries are 0.

    Example:
        >>> import torch, pyface3d
        >>> model, space = pyface3d.MorphableModel.default(), pyface3d.ParameterSpace()
        >>> pyface3d.ops.wpdc_weights(torch.ones(2, 62), torch.zeros(2, 62), space, model).max()
        tensor(1.)
    """
    return _weighted(pred.detach(), target.detach(), space, model, indices, scale, epsilon)[1]


def _weighted(
    pred: Tensor,
    target: Tensor,
    space: ParameterTables,
    model: Any,
    indices: Tensor | None,
    scale: float | None,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    if scale is None:
        scale = published_scale(model.unit, space.size)
    tables, factors = (pred, target, space.mean, space.std), (float(scale), float(epsilon))
    if indices is None:
        gram = model if hasattr(model, "axes") else model.gram()
        return _ops.wpdc_loss.default(*tables, gram.axes, gram.n_vertices, *factors)
    if not hasattr(model, "basis"):
        raise ValueError("wpdc_loss: a Gram matrix has its vertices already; pass the model together with indices")
    return _ops.wpdc_loss_resampled.default(*tables, model.mean, model.basis, indices, *factors)


def published_scale(unit: str, size: int) -> float:
    """3DDFA's scale in pixels per ``unit`` for crops of ``size`` pixels."""
    if unit not in _MICROMETERS:
        raise ValueError(f"wpdc_loss: no published scale for unit {unit!r}; pass scale= in pixels per model unit")
    return PUBLISHED_SCALE * _MICROMETERS[unit] * size / 120


def _fake(pred: Tensor, target: Tensor, *tables: Any) -> tuple[Tensor, Tensor]:
    return pred.new_empty(pred.shape[0]), pred.new_empty(pred.shape)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor], coeff_count: int) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.coeff_count = coeff_count
    ctx.save_for_backward(inputs[0], inputs[1], output[1])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _save(ctx, inputs, output, coeff_count=inputs[4].shape[1] - 1)  # axes


def _setup_context_resampled(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _save(ctx, inputs, output, coeff_count=inputs[5].shape[2])  # basis


def _backward(ctx: Any, saved: tuple[Any, ...], grad_loss: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    constant = (None,) * (len(ctx.needs_input_grad) - 2)
    if grad_loss is None:
        return None, None, *constant
    grad = _ops.wpdc_loss_backward.default(grad_loss, *saved, ctx.coeff_count)
    return grad, -grad if ctx.needs_input_grad[1] else None, *constant


register("wpdc_loss", _fake, _setup_context, _backward, like(1))
register("wpdc_loss_resampled", _fake, _setup_context_resampled, _backward)
