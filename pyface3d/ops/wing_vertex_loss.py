"""Wing loss on dense posed vertices, straight from parameters."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.ops._registration import register

_ops = torch.ops.pyface3d
_KINDS = ("wing", "l1", "smooth_l1", "l2")  # numbered as in csrc/kernels/penalty.h


def wing_vertex_loss(
    mean: Tensor,
    basis: Tensor,
    coeffs: Tensor,
    pose: Tensor,
    target_coeffs: Tensor,
    target_pose: Tensor,
    w: float = 10.0,
    epsilon: float = 2.0,
    weights: Tensor | None = None,
    indices: Tensor | None = None,
    kind: str = "wing",
) -> Tensor:
    """Robust distance between two posed faces, summed over vertices and coordinates, without writing a vertex.

    ``sum_n weights_n sum_xyz f(V_n - V'_n)`` with ``V = M (mean + basis c) + t``. Loss and gradient are made in one
    pass: vertices are synthesized, posed, compared, differentiated and projected back onto the basis while their tile
    of the basis is in cache, so the memory needed does not grow with B N. Penalties ``f`` of a coordinate's error x:

    * ``"wing"``: ``w ln(1 + |x| / epsilon)`` where ``|x| < w``, else ``|x| - w + w ln(1 + w / epsilon)`` (Feng et al.
      2018, eq. 5), on vertices as in Mobile-FRNet's L_wing;
    * ``"l1"``: ``|x|``;
    * ``"smooth_l1"``: ``x^2 / (2 w)`` where ``|x| < w``, else ``|x| - w / 2``;
    * ``"l2"``: ``x^2`` (:func:`vertex_distance` gives the same at a cost independent of N).

    Args:
        mean: (N, 3) float32 or float64.
        basis: (N, 3, K).
        coeffs: (B, K), differentiable.
        pose: (B, 3, 4) ``[f R | t]``, differentiable.
        target_coeffs: (B, K), a constant.
        target_pose: (B, 3, 4), a constant.
        w: where the penalty turns into a line, in pixels.
        epsilon: curvature of the logarithm, in pixels.
        weights: weight of each vertex, (N,), or (L,) with ``indices``; None: ones.
        indices: int64 (L,), the vertices that count; None: all.
        kind: the penalty.

    Returns:
        (B,) sums.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together, an index is out of range, ``w`` or ``epsilon`` is
            not positive, a weight is negative, or all weights are zero.
        ValueError: ``kind`` is unknown, or an argument that counts as constant requires a gradient.

    Example:
        >>> import torch, pyface3d
        >>> model = pyface3d.MorphableModel.default()
        >>> pose = torch.eye(3, 4).expand(2, 3, 4)
        >>> c = model.sample(2)
        >>> pyface3d.ops.wing_vertex_loss(model.mean, model.basis, c, pose, c, pose)
        tensor([0., 0.])
    """
    if kind not in _KINDS:
        raise ValueError(f"wing_vertex_loss: kind must be one of {', '.join(_KINDS)}, got {kind!r}")
    constants = {"target_coeffs": target_coeffs, "target_pose": target_pose, "weights": weights}
    for name, tensor in {"mean": mean, "basis": basis, **constants}.items():
        if tensor is not None and tensor.requires_grad:
            raise ValueError(f"wing_vertex_loss: {name} counts as a constant but requires a gradient; detach it")
    want_grad = torch.is_grad_enabled() and (coeffs.requires_grad or pose.requires_grad)
    return _ops.wing_vertex_loss.default(
        mean, basis, coeffs, pose, target_coeffs, target_pose, float(w), float(epsilon), weights, indices,
        _KINDS.index(kind), want_grad,
    )[0]  # fmt: skip


def _fake(mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor]:
    want_grad = others[-1]
    loss = coeffs.new_empty(coeffs.shape[0])
    return loss, coeffs.new_empty(coeffs.shape if want_grad else 0), pose.new_empty(pose.shape if want_grad else 0)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output[1:])


def _backward(ctx: Any, saved: tuple[Any, ...], grad_loss: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
    if grad_loss is None:
        return (None,) * 12
    grad_coeffs, grad_pose = _ops.wing_vertex_loss_backward.default(grad_loss, *saved)
    want_coeffs, want_pose = ctx.needs_input_grad[2:4]
    return None, None, grad_coeffs if want_coeffs else None, grad_pose if want_pose else None, *(None,) * 8


def _backward_fake(grad_loss: Tensor, grad_coeffs: Tensor, grad_pose: Tensor) -> tuple[Tensor, Tensor]:
    return grad_coeffs.new_empty(grad_coeffs.shape), grad_pose.new_empty(grad_pose.shape)


register("wing_vertex_loss", _fake, _setup_context, _backward, _backward_fake)
