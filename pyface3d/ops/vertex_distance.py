"""Squared distance between posed 3DMM faces in closed form."""

from typing import Any, Protocol

import torch
from torch import Tensor

from pyface3d.ops._registration import register

_ops = torch.ops.pyface3d


class GramData(Protocol):
    """What :meth:`pyface3d.MorphableModel.gram` builds: a model's Gram matrices in the working dtype."""

    posed: Tensor  # (3K+4, 3K+4)
    unposed: Tensor  # (K+2, K+2)
    rows: int  # pose rows that count: 3 or 2


def vertex_distance(
    gram: GramData, coeffs: Tensor, pose: Tensor | None, target_coeffs: Tensor, target_pose: Tensor | None
) -> Tensor:
    r"""Weighted squared distance between two posed faces, summed over vertices, at a cost independent of their number.

    ``sum_n w_n |V_n - V'_n|^2`` with ``V_n = M (mean_n + basis_n c) + t``. With ``D = M (x) [1, c] - M' (x) [1, c']``
    the sum is a quadratic form in D and the translations whose matrix depends on the model alone, so no vertex is
    made. It is exact, and D is formed from differences, so it stays accurate where the faces are close.

    It is L_id, L_exp, L_p and L_68 of MARN (Li and Wu, ICPR 2020) and 3DDFA's vertex distance cost (Zhu et al. 2016,
    eq. 7), for the weights, vertices and pose rows that ``gram`` was built with.

    Args:
        gram: ``model.gram(weights, indices, rows)``.
        coeffs: (B, K) float32 or float64, the dtype of ``gram``.
        pose: (B, 3, 4) ``[f R | t]``, or None together with ``target_pose``: distance of the unposed shapes.
        target_coeffs: (B, K).
        target_pose: (B, 3, 4), or None.

    Returns:
        (B,) in squared pixels (squared model units without a pose). Gradients flow to coeffs, pose and both targets.

    Raises:
        RuntimeError: shapes, dtypes or devices do not fit together.
        TypeError: ``gram`` is not built by ``model.gram``, or only one of the poses is None.

    Example:
        >>> import torch, pyface3d
        >>> model = pyface3d.MorphableModel.default()
        >>> gram = model.gram()
        >>> pose = torch.eye(3, 4).expand(2, 3, 4)
        >>> c = model.sample(2)
        >>> pyface3d.ops.vertex_distance(gram, c, pose, c, pose)
        tensor([0., 0.])
    """
    if not all(hasattr(gram, name) for name in ("posed", "unposed", "rows")):
        raise TypeError(f"vertex_distance: gram must come from model.gram(), got {type(gram).__name__}")
    if (pose is None) != (target_pose is None):
        raise TypeError("vertex_distance: pose and target_pose must both be given or both be None")
    if pose is None or target_pose is None:
        pose = target_pose = torch.eye(1, 2, dtype=coeffs.dtype, device=coeffs.device).expand(len(coeffs), 1, 2)
        return _ops.vertex_distance.default(gram.unposed, coeffs, pose, target_coeffs, target_pose)[0]
    pose, target_pose = pose[:, : gram.rows], target_pose[:, : gram.rows]  # (B, R, 4)
    return _ops.vertex_distance.default(gram.posed, coeffs, pose, target_coeffs, target_pose)[0]


def _fake(gram: Tensor, coeffs: Tensor, pose: Tensor, *target: Tensor) -> tuple[Tensor, Tensor]:
    batch, rows = pose.shape[0], pose.shape[1]
    return coeffs.new_empty(batch), coeffs.new_empty(batch, rows, gram.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    _, *parameters = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[1], *parameters)


def _backward(ctx: Any, saved: tuple[Any, ...], grad_out: Tensor | None, _: None) -> tuple[Tensor | None, ...]:
    if grad_out is None:
        return (None,) * 5
    want_target = any(ctx.needs_input_grad[3:])
    grads = _ops.vertex_distance_backward.default(grad_out, *saved, want_target)
    return None, *(grad if want else None for grad, want in zip(grads, ctx.needs_input_grad[1:]))


def _backward_fake(grad_out: Tensor, slope: Tensor, coeffs: Tensor, pose: Tensor, *others: Any) -> tuple[Tensor, ...]:
    target = [coeffs.new_empty(x.shape if others[-1] else 0) for x in (coeffs, pose)]
    return coeffs.new_empty(coeffs.shape), pose.new_empty(pose.shape), target[0], target[1]


register("vertex_distance", _fake, _setup_context, _backward, _backward_fake)
