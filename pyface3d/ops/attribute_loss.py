"""Weighted binary cross entropy over attributes with missing labels."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import like, register

_ops = torch.ops.pyface3d


def attribute_loss(
    logits: Tensor, labels: Tensor, pos_weight: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Binary cross entropy summed over the labeled attributes of each sample.

    ``-sum_m [pos_weight_m y ln s(z) + (1 - y) ln(1 - s(z))]``, ``s`` the sigmoid: L_attr of the joint shape and
    attribute network (Weng et al., ICPR 2020). An entry counts where ``mask`` is set and the label is known; whatever
    the others hold, -1 and NaN included, reaches neither value nor gradient.

    Args:
        logits: (B, M) float32 or float64.
        labels: (B, M) of any dtype: 1 yes, 0 no (values between for soft labels), -1 or NaN unknown. CelebA's file
            writes -1 for no: map it to 0 first.
        pos_weight: (M,) factor of the positive term; None: ones.
        mask: bool (B, M), or broadcastable to it; None: all set.

    Returns:
        (B,); 0 for a sample without labels. Gradients flow to ``logits`` only.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together; ``pos_weight`` is negative or all zero.

    Example:
        >>> import torch, pyface3d
        >>> pyface3d.ops.attribute_loss(torch.zeros(2, 3), torch.tensor([[1, 0, -1], [-1, -1, -1]]))
        tensor([1.3863, 0.0000])
    """
    if mask is not None:
        fits = mask.ndim <= logits.ndim and all(m in (1, n) for m, n in zip(mask.shape[::-1], logits.shape[::-1]))
        if not fits:
            wanted, got = tuple(logits.shape), tuple(mask.shape)
            raise RuntimeError(f"attribute_loss: mask must be bool {wanted} or broadcastable to it, got {got}")
        mask = torch.broadcast_to(mask, logits.shape)
    if not labels.is_floating_point():
        labels = labels.to(logits.dtype)
    return _ops.attribute_loss.default(logits, labels, pos_weight, mask)[0]


def _fake(logits: Tensor, labels: Tensor, pos_weight: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    return logits.new_empty(logits.shape[0]), logits.new_empty(logits.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[1])


def _backward(
    ctx: Any, saved: tuple[Any, ...], grad_loss: Tensor | None, _: None
) -> tuple[Tensor | None, None, None, None]:
    if grad_loss is None:
        return None, None, None, None
    return _ops.attribute_loss_backward.default(grad_loss, *saved), None, None, None


register("attribute_loss", _fake, _setup_context, _backward, like(1))
