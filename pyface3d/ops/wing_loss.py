"""Wing loss, element by element."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d


def wing_loss(pred: Tensor, target: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Wing loss of each element, forward and backward in one fused loop each.

    With ``x = pred - target``: ``w ln(1 + |x| / epsilon)`` where ``|x| < w``, else ``|x| - C`` with
    ``C = w - w ln(1 + w / epsilon)`` (Feng et al. 2018, "Wing Loss for Robust Facial Landmark Localisation", eq. 5).
    The gradient at ``x = 0`` is 0.

    Args:
        pred: predictions of any shape, float32 or float64.
        target: same shape, dtype and device; differentiable as well.
        w: where the logarithm turns into a line, in the units of ``pred``.
        epsilon: curvature of the logarithm, in the units of ``pred``.

    Returns:
        The loss of each element, shape of ``pred``.

    Raises:
        RuntimeError: shapes, dtypes or devices differ, or ``w`` or ``epsilon`` is not positive.

    Example:
        >>> import torch, pyface3d
        >>> pyface3d.ops.wing_loss(torch.tensor([0.0, 2.0, 20.0]), torch.zeros(3))
        tensor([ 0.0000,  6.9315, 27.9176])
    """
    return _ops.wing_loss.default(pred, target, float(w), float(epsilon))


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float, float], output: Tensor) -> None:
    pred, target, ctx.w, ctx.epsilon = inputs
    ctx.save_for_backward(pred, target)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
    grad_pred = _ops.wing_loss_backward.default(grad_out, *saved, ctx.w, ctx.epsilon)
    return grad_pred, -grad_pred if ctx.needs_input_grad[1] else None, None, None


register("wing_loss", like(0), _setup_context, _backward, like(1))
