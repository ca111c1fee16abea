"""Shape synthesis of a 3D Morphable Model, with the projection fused."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register, save_inputs

_ops = torch.ops.pyface3d


def synthesize_shape(
    mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor | None = None, indices: Tensor | None = None
) -> Tensor:
    """Synthesizes faces ``S = mean + basis c`` and, with ``pose``, projects them: ``V = M S + t``.

    Blanz and Vetter 1999, "A Morphable Model for the Synthesis of 3D Faces"; with ``pose`` = ``[f R | t]`` the
    weak-perspective model of Zhu et al. 2016 (3DDFA, eq. 1-2). The unposed shape is never written.

    Args:
        mean: (N, 3) float32 or float64, in the model's units.
        basis: (N, 3, K), units per unit coefficient.
        coeffs: (B, K).
        pose: (B, 3, 4) ``[f R | t]``, or None for unposed shapes.
        indices: (L,) int64 vertices to synthesize, repeats allowed, or None for all; the cost is that of L vertices.

    Returns:
        (B, N, 3), or (B, L, 3) with ``indices``: pixels when posed, the model's units otherwise.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, or an index lies outside [0, N).

    Example:
        >>> import torch, pyface3d
        >>> mean, basis = torch.rand(100, 3), torch.rand(100, 3, 8)
        >>> pyface3d.ops.synthesize_shape(mean, basis, torch.rand(2, 8)).shape
        torch.Size([2, 100, 3])
    """
    return _ops.synthesize_shape.default(mean, basis, coeffs, pose, indices)


def _fake(mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor | None, indices: Tensor | None) -> Tensor:
    return mean.new_empty((coeffs.shape[0], (mean if indices is None else indices).shape[0], 3))


def _rows(gradient: Tensor, like: Tensor, indices: Tensor | None) -> Tensor:
    """Gradient of the rows used -> gradient of all rows; repeats add up in a fixed order."""
    if indices is None:
        return gradient
    whole = torch.zeros_like(like, memory_format=torch.contiguous_format)
    if whole.is_cuda:  # sorts, where index_add would use atomics
        return whole.index_put((indices,), gradient, accumulate=True)
    return whole.index_add(0, indices, gradient)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor) -> tuple[Tensor | None, ...]:
    mean, basis, coeffs, pose, indices = saved
    want_mean, want_basis, want_coeffs, want_pose = ctx.needs_input_grad[:4]
    grads = _ops.synthesize_shape_backward.default(
        grad_out, mean, basis, coeffs, pose, indices, want_coeffs or want_pose, want_mean, want_basis
    )
    count = coeffs.shape[1]
    return (
        _rows(grads[1], mean, indices) if want_mean else None,
        _rows(grads[2], basis, indices) if want_basis else None,
        grads[0][:, :count] if want_coeffs else None,
        grads[0][:, count:].unflatten(1, (3, 4)) if want_pose else None,
        None,
    )


def _backward_fake(grad_out: Tensor, mean: Tensor, basis: Tensor, coeffs: Tensor, *others: Any) -> tuple[Tensor, ...]:
    rows, (want_params, want_mean, want_basis) = grad_out.shape[1], others[2:]
    return (
        mean.new_empty((coeffs.shape[0], coeffs.shape[1] + 12) if want_params else 0),
        mean.new_empty((rows, 3) if want_mean else 0),
        mean.new_empty((rows, 3, coeffs.shape[1]) if want_basis else 0),
    )


register("synthesize_shape", _fake, save_inputs, _backward, _backward_fake)
