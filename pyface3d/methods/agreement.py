"""One face from landmarks of a first look and an identity of a second: a closed-form fit of both."""

import torch
import torch.fx
from torch import Tensor, nn

from pyface3d.camera import ParameterSpace
from pyface3d.camera.parameter_space import POSE_LENGTH
from pyface3d.losses import IdentityDistance
from pyface3d.morphable import MorphableModel

WEIGHT = 0.04  # of a squared pixel of a landmark beside a squared millimeter of the surface; docs/results.md has others
LOOSE = 0.06  # inverse variance of whitened identity about the first answer, which holds what no millimeter does
TURNS = 9  # of an inversion whose error is squared in each: enough for float32 at this weight


class Agreement(nn.Module):
    """The parameters nearest to an identity whose 68 landmarks stay nearest to those of a first answer.

    Minimizes ``w |f R (B c - B c_1)|^2 + (c - c_2)^T G (c - c_2) + (c - c_1)^T L (c - c_1)`` over the shape
    coefficients c, with the change of landmarks free of what an affine change of the pose makes up for; ``c_1`` is the
    first answer, ``c_2`` the second look's identity, G counts square millimeters of the aligned surface
    (:class:`pyface3d.losses.IdentityDistance`), L is the inverse variance of what these do not hold: expression, and
    identity a little. The pose then follows the shape by least squares. It is the weighted fit of dense-landmark
    methods (Wood et al. 2022, section 3.2) about the first answer, where it is linear.

    Args:
        model: face model with 68 landmarks.
        space: parameter space of the answers.
        weight: w, of a squared pixel of a landmark.

    Example:
        >>> from pyface3d import MorphableModel
        >>> from pyface3d.data.synthetic import parameter_space
        >>> agree = Agreement(MorphableModel.default(), parameter_space())
        >>> agree(torch.zeros(2, 62), torch.ones(2, 40)).shape
        torch.Size([2, 62])
    """

    basis: Tensor
    following: Tensor
    grams: Tensor
    pull: Tensor
    inverse_root: Tensor
    unit: Tensor
    whitening: Tensor

    def __init__(self, model: MorphableModel, space: ParameterSpace, weight: float = WEIGHT) -> None:
        super().__init__()
        self.weight = weight
        self.n_identity, std = space.n_identity, space.std.detach().cpu().double()
        points = model.landmark_basis()
        mean, basis = (table.detach().cpu().double() for table in (points.mean, points.basis))
        basis = basis * std[POSE_LENGTH:]  # (68, 3, K), of whitened coefficients
        frame = torch.cat([mean, torch.ones(len(mean), 1)], 1).double()
        following = torch.linalg.pinv(frame)  # (4, 68): the affine change that follows moved points
        free = basis - torch.einsum("lm,mck->lck", frame @ following, basis)
        distance, loose = self._certainties(model, std)
        inverse = torch.linalg.inv(torch.linalg.cholesky(distance + loose))
        grams = [free[:, i].T @ free[:, j] for i in range(3) for j in range(3)]
        tables = {
            "basis": basis.flatten(0, 1).T,
            "following": following,
            "grams": torch.stack([(inverse @ gram @ inverse.T).flatten() for gram in grams]),
            "pull": (distance @ inverse.T)[: self.n_identity],
            "inverse_root": inverse,
            "unit": torch.eye(len(inverse)),
            "whitening": torch.stack([space.mean, space.std])[:, :POSE_LENGTH].detach().cpu(),
        }
        for name, table in tables.items():
            self.register_buffer(name, table.float().contiguous(), persistent=False)

    def _certainties(self, model: MorphableModel, std: Tensor) -> tuple[Tensor, Tensor]:
        """(K, K) inverse variances of whitened coefficients: G and L."""
        size, n = len(std) - POSE_LENGTH, self.n_identity
        scale = std[POSE_LENGTH : POSE_LENGTH + n]
        distance, loose = torch.zeros(size, size, dtype=torch.float64), torch.eye(size, dtype=torch.float64)
        distance[:n, :n] = scale[:, None] * IdentityDistance(model).gram.cpu().double() * scale
        loose[:n] *= LOOSE
        return distance, loose

    def forward(self, first: Tensor, identity: Tensor) -> Tensor:
        """The agreement (B, P), whitened.

        Args:
            first: (B, P) whitened first answer.
            identity: (B, K_i) whitened identity of the second.
        """
        pose = (first[:, :POSE_LENGTH] * self.whitening[1] + self.whitening[0]).unflatten(1, (3, 4))[:, :, :3]
        seen = pose[:, :2].transpose(1, 2) @ pose[:, :2]  # (B, 3, 3)
        normal = (seen.flatten(1) @ self.grams).unflatten(1, self.unit.shape) * self.weight
        known = first[:, POSE_LENGTH : POSE_LENGTH + self.n_identity]
        wanted = (identity - known) @ self.pull  # the rest is wanted as it is
        change = solve(normal + self.unit, wanted) @ self.inverse_root
        moved = (change @ self.basis).unflatten(1, (-1, 3)) @ pose.transpose(1, 2)  # (B, 68, 3)
        follows = (self.following @ moved).transpose(1, 2).flatten(1) / self.whitening[1]
        return first - torch.cat([follows, -change], 1)


@torch.fx.wrap
def solve(matrices: Tensor, right: Tensor) -> Tensor:
    """``x`` (B, K) with ``A x = b`` for symmetric A (B, K, K) with eigenvalues of at least one.

    By Cholesky's factors, which no ONNX operator has: there by Newton-Schulz steps to the inverse, products alone.
    """
    if not torch.compiler.is_compiling():
        return torch.cholesky_solve(right.unsqueeze(2), torch.linalg.cholesky_ex(matrices)[0]).squeeze(2)
    inverses = torch.eye(matrices.shape[1]).to(matrices) * (2 / (1 + matrices.abs().sum(2).amax(1)))[:, None, None]
    for _ in range(TURNS):  # X <- 2 X - X A X
        inverses = torch.baddbmm(inverses, inverses, torch.bmm(matrices, inverses), beta=2, alpha=-1)
    return (inverses @ right.unsqueeze(2)).squeeze(2)
