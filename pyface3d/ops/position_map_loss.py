"""Weighted distance between position maps."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d


def position_map_loss(pred: Tensor, target: Tensor, weight_mask: Tensor, squared: bool = False) -> Tensor:
    """``sum over pixels of |P - P'| W`` of each map, fused.

    The loss of Shi et al. 2020, "Face Reconstruction with Specific Weight Mask" (and of PRNet), with the Euclidean norm
    over x, y, z; its square is L_shape of the joint reconstruction and attribute network (Weng et al., ICPR 2020). The
    gradient where ``P = P'`` is 0. Pixels of weight 0 are absent: not even a NaN there reaches the loss.

    Args:
        pred: (B, 3, U, V) float32 or float64.
        target: (B, 3, U, V); differentiable as well.
        weight_mask: (U, V), not negative, a constant.
        squared: whether to square the norms.

    Returns:
        (B,), in the maps' units (squared ones with ``squared``).

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together; weights are negative or all zero.

    Example:
        >>> import torch, pyface3d
        >>> pyface3d.ops.position_map_loss(torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), torch.ones(4, 4))
        tensor([27.7128, 27.7128])
    """
    return _ops.position_map_loss.default(pred, target, weight_mask, squared)


def _fake(pred: Tensor, target: Tensor, weight_mask: Tensor, squared: bool) -> Tensor:
    return pred.new_empty(pred.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, bool], output: Tensor) -> None:
    *tensors, ctx.squared = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_loss: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
    grad = _ops.position_map_loss_backward.default(grad_loss, *saved, ctx.squared)
    return grad, -grad if ctx.needs_input_grad[1] else None, None, None


register("position_map_loss", _fake, _setup_context, _backward, like(1))
