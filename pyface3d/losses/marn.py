"""MARN's loss: identity, expression, pose and landmarks, each from its own error."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import ParameterSpace
from pyface3d.losses.parameters import ParameterLoss
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.gram import Gram
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.ops.wpdc_loss import published_scale

TERMS = ("identity", "expression", "pose", "landmarks")


class MARNLoss(ParameterLoss):
    """The four terms of MARN (Li and Wu, "Multi-Attribute Regression Network", ICPR 2020), in closed form.

    * identity: ``|A_id (a_id - a'_id)|^2``; expression: the same with the expression basis;
    * pose: ``|f Pr R S' + t - (f' Pr R' S' + t')|^2`` of the target shape, so only the poses differ;
    * landmarks: ``|f Pr R S_68 + t - (f' Pr R' S'_68 + t')|^2`` of the 68 landmarks, full prediction.

    Each is a mean over its vertices, in x and y of the image for the last two. The paper's factors are not published.
    By default each term is divided by its expectation under unit whitened error (independent, of variance one, about
    the mean parameters), so that it starts near one for any model, and has factor one. Without ``calibrated`` all are
    in squared pixels per vertex, the first two converted by 3DDFA's mean scale.

    Args:
        model: the face model, with 68 landmarks.
        space: layout and whitening of the parameters.
        weights: factors of identity, expression, pose and landmarks.
        calibrated: whether to divide by the expectations.

    Raises:
        ValueError: the model has no landmarks, or differs from the space in coefficients; weights negative or all zero.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> loss = MARNLoss(MorphableModel.default(), ParameterSpace())
        >>> total, terms = loss(torch.zeros(2, 62), torch.zeros(2, 62), return_terms=True)
        >>> list(terms)
        ['identity', 'expression', 'pose', 'landmarks']
    """

    divisors: Tensor

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
        calibrated: bool = True,
    ):
        super().__init__(model, space, self.factors(TERMS, weights))
        if DEFAULT not in model.landmark_sets:
            raise ValueError(f"MARNLoss: {model.name} has no landmarks; build it with landmarks=")
        self.dense = model.gram(rows=2)
        self.sparse = model.at_landmarks().gram(rows=2)
        if calibrated:
            divisors = _expectations(self.dense, self.sparse, space)
        else:
            shape = published_scale(model.unit, space.size) ** -2
            divisors = torch.tensor([shape, shape, 1.0, 1.0], dtype=torch.float64)
        self.register_buffer("divisors", divisors.to(self.dense.posed.dtype), persistent=False)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The four terms, in multiples of their expectations (squared pixels when not calibrated)."""
        coeffs, pose, target_coeffs, target_pose = self.faces(pred, target)
        n = self.space.n_identity
        identity = torch.cat([coeffs[:, :n], target_coeffs[:, n:]], 1)
        expression = torch.cat([target_coeffs[:, :n], coeffs[:, n:]], 1)
        distances = (
            ops.vertex_distance(self.dense, identity, None, target_coeffs, None) / self.dense.n_vertices,
            ops.vertex_distance(self.dense, expression, None, target_coeffs, None) / self.dense.n_vertices,
            ops.vertex_distance(self.dense, target_coeffs, pose, target_coeffs, target_pose) / self.dense.n_vertices,
            ops.vertex_distance(self.sparse, coeffs, pose, target_coeffs, target_pose) / self.sparse.n_vertices,
        )
        return {name: distances[i] / self.divisors[i] for i, name in enumerate(TERMS)}


def _expectations(dense: Gram, sparse: Gram, space: ParameterSpace) -> Tensor:
    """Expected terms (4,) for whitened errors of variance one about the mean parameters."""
    pose, coeffs = space.split(space.mean.double())
    pose_variance, variance = space.split(space.std.double().square())
    identity = torch.arange(len(variance), device=variance.device) < space.n_identity
    unposed, still = torch.eye(3, 4, dtype=torch.float64, device=pose.device), torch.zeros_like(pose)
    nothing = torch.zeros_like(variance)
    image = slice(0, 2)  # rows x and y
    return torch.stack(
        [
            _expected_distance(dense, coeffs, torch.where(identity, variance, nothing), unposed, still),
            _expected_distance(dense, coeffs, torch.where(identity, nothing, variance), unposed, still),
            _expected_distance(dense, coeffs, nothing, pose[image], pose_variance[image]),
            _expected_distance(sparse, coeffs, variance, pose[image], pose_variance[image]),
        ]
    )


def _expected_distance(gram: Gram, coeffs: Tensor, variance: Tensor, pose: Tensor, pose_variance: Tensor) -> Tensor:
    """Mean over vertices of E |V - V'|^2 where pose (R, 4) and coeffs (K,) vary independently about the target's.

    With errors dM and da of mean zero, ``V - V' = dM S' + M' A da + dM A da + dt``, and only squares survive:
    ``sum_r  var(M_r)_x (a^T Q_xx a + var(a) . diag Q_xx) + var(a)_k M_rx M_ry Q_xy[k, k] + W var(t_r)``.
    """
    posed = gram.posed.double()
    covariance, center, total = posed[:-1, :-1], posed[-1, :-1], posed[-1, -1]
    moments = covariance + total * torch.outer(center, center)
    blocks = moments.unflatten(0, (3, -1)).unflatten(2, (3, -1))  # (3, K+1, 3, K+1)
    columns = torch.cat([torch.ones_like(coeffs[:1]), coeffs])  # a, (K+1,)
    spread = torch.cat([torch.zeros_like(variance[:1]), variance])
    squares = torch.einsum("xkyk->xyk", blocks)  # (3, 3, K+1)
    axes = torch.einsum("xkxl,k,l->x", blocks, columns, columns) + torch.einsum("xxk,k->x", squares, spread)
    turned = (pose_variance[:, :3] @ axes).sum() + total * pose_variance[:, 3].sum()
    moved = torch.einsum("rx,ry,xyk,k->", pose[:, :3], pose[:, :3], squares, spread)
    return (turned + moved) / gram.n_vertices
