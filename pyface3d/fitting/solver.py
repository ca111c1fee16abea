"""A closed-form pose, and regularized least squares for the shape and small moves of the pose, by turns."""

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace
from pyface3d.fitting.contour import JAW, contour_candidates, march
from pyface3d.fitting.pose import fit_pose
from pyface3d.fitting.sharing import solve_shared
from pyface3d.landmarks import box_size
from pyface3d.morphable import LandmarkSet, MorphableModel

_LEAST_POINTS = 4
_DAMPING = 1e-4  # of the pose's moves: what they leave of the normal matrix stays above the rounding of float32
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # pairs of coordinates of a symmetric 3x3 matrix


class Solver:
    """The landmarks' basis in units of the face's radius and of standard deviations, and its Gram matrices."""

    def __init__(
        self, model: MorphableModel, space: ParameterSpace, points: LandmarkSet, contour: bool, like: Tensor
    ) -> None:
        self.std, self.prior = space.split(space.std.to(like))[1], space.split(space.mean.to(like))[1]  # (K,) each
        mean, basis = points.of(model.mean).float(), points.of(model.basis).float()
        self.n_identity = model.n_identity
        self.radius = (mean - mean.mean(0)).double().pow(2).sum(1).mean().sqrt().to(like)
        self.mean, self.basis = self._scaled(mean, basis)
        outer = torch.einsum("lcj,ldk->lcdjk", self.basis, self.basis)
        self.gram = torch.stack([outer[:, c, d] + outer[:, d, c] for c, d in _PAIRS], 1) / 2  # (L, 6, K, K)
        self.candidates = self._candidates(model) if contour else None

    def _scaled(self, mean: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (L, 3) with the prior's mean folded in, and basis (L, 3, K) per standard deviation."""
        mean, basis = mean.to(self.std), basis.to(self.std)
        return (mean + basis @ self.prior) / self.radius, basis * (self.std / self.radius)

    def _candidates(self, model: MorphableModel) -> tuple[Tensor, Tensor]:
        """Mean (16, C, 3) and basis (16, C, 3, K) of the vertices that the jaw points may march over."""
        ids = contour_candidates(model).to(model.mean.device)
        mean, basis = self._scaled(model.mean[ids.flatten()], model.basis[ids.flatten()])
        return mean.unflatten(0, ids.shape), basis.unflatten(0, ids.shape)

    def __call__(
        self, points: Tensor, weights: Tensor, noise: float, iterations: int, people: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Pose (B, 3, 4), raw coefficients (B, K) and fitted landmarks (B, L, 2), y up, of points (B, L, 2).

        Faces with the same number in ``people`` (B,) share their identity.
        """
        few = (weights > 0).sum(1) < _LEAST_POINTS
        weights = weights.masked_fill(few[:, None], torch.nan)
        variance = (noise * box_size(points, weights > 0)) ** 2  # (B,)
        gram = (weights @ self.gram.flatten(1)).unflatten(1, self.gram.shape[1:])  # (B, 6, K, K)
        standard = points.new_zeros(len(points), len(self.std))  # coefficients in standard deviations
        mean, basis = self.mean[None], self.basis[None]
        pose = fit_pose(_shape(mean, basis, standard), points, weights)
        for _ in range(iterations):
            if self.candidates is not None:
                mean, basis = self._marched(pose, standard)
            normal = _normal_of_gram(gram, pose) if self.candidates is None else _normal_of_basis(basis, pose, weights)
            right = _right_side(mean, basis, pose, points, weights)
            moves = _moves(_shape(mean, basis, standard), pose, weights)
            normal, right = _without_pose(normal, right, moves, mean, basis, pose, points, weights)
            if people is None:
                standard = _solve(normal, right, variance)
            else:
                standard = solve_shared(normal, right, variance, people, self.n_identity)
            pose = fit_pose(_shape(mean, basis, standard), points, weights)
        fitted = _project(_shape(mean, basis, standard), pose)
        pose = torch.cat([pose[..., :3] / self.radius, pose[..., 3:]], -1)
        return pose, standard * self.std + self.prior, fitted

    def _marched(self, pose: Tensor, standard: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (B, L, 3) and basis (B, L, 3, K) with the jaw points moved to the silhouette under ``pose``."""
        assert self.candidates is not None
        mean, basis = self.candidates
        posed = _project(_shape(mean.flatten(0, 1)[None], basis.flatten(0, 1)[None], standard), pose)
        choice = march(posed.unflatten(1, mean.shape[:2]), pose)  # (B, 16)
        jaw, row = torch.tensor(JAW, device=mean.device), torch.arange(len(JAW), device=mean.device)
        means = self.mean.expand(len(pose), -1, -1).clone()
        bases = self.basis.expand(len(pose), -1, -1, -1).clone()
        means[:, jaw], bases[:, jaw] = mean[row, choice], basis[row, choice]
        return means, bases

    def empty(self, n_points: int) -> tuple[Tensor, ...]:
        """What a batch of no faces gives."""
        return self.std.new_empty(0, 3, 4), self.std.new_empty(0, len(self.std)), self.std.new_empty(0, n_points, 2)


def _shape(mean: Tensor, basis: Tensor, standard: Tensor) -> Tensor:
    """(B, L, 3) from mean (1|B, L, 3), basis (1|B, L, 3, K) and coefficients (B, K)."""
    if len(basis) == 1:
        return mean + (standard @ basis[0].flatten(0, 1).mT).unflatten(1, basis.shape[1:3])
    return mean + (basis @ standard[:, None, :, None])[..., 0]


def _project(shape: Tensor, pose: Tensor) -> Tensor:
    """(B, L, 2) image, y up, of shape (B, L, 3)."""
    return shape @ pose[:, :2, :3].mT + pose[:, None, :2, 3]


def _normal_of_gram(gram: Tensor, pose: Tensor) -> Tensor:
    """Sum over points of B^T M B with M = (fR)^T (fR) of the two image rows, from the six Gram matrices (B, 6, K,
    K).
    """
    frame = pose[:, :2, :3]
    square = frame.mT @ frame
    factors = torch.stack([square[:, c, d] * (1 if c == d else 2) for c, d in _PAIRS], 1)  # (B, 6)
    return (factors[:, None] @ gram.flatten(2))[:, 0].unflatten(1, gram.shape[2:])


def _normal_of_basis(basis: Tensor, pose: Tensor, weights: Tensor) -> Tensor:
    """The same where each face has a basis (B, L, 3, K) of its own."""
    jacobian = pose[:, None, :2, :3] @ basis * weights[:, :, None, None].sqrt()  # (B, L, 2, K)
    jacobian = jacobian.flatten(1, 2)
    return jacobian.mT @ jacobian


def _right_side(mean: Tensor, basis: Tensor, pose: Tensor, points: Tensor, weights: Tensor) -> Tensor:
    """(B, K) sum_i w_i (f R B_i)^T (p_i - f R mean_i - t)."""
    residual = (points - _project(mean, pose)) * weights[..., None]
    pull = (residual @ pose[:, :2, :3]).flatten(1)[:, None]  # (B, 1, 3L)
    return (pull @ basis.flatten(1, 2))[:, 0]


def _moves(shape: Tensor, pose: Tensor, weights: Tensor) -> Tensor:
    """(B, L, 2, 6) derivatives of the image of shape (B, L, 3) by turns about the three axes, scale and shift."""
    share = (weights / weights.sum(1, keepdim=True))[..., None]
    x, y, z = ((shape - (share * shape).sum(1, keepdim=True)) @ pose[..., :3].mT).unbind(2)  # (B, L) each
    o, i = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([torch.stack([o, z, -y, x, i, o], 2), torch.stack([-z, o, x, y, o, i], 2)], 2)


def _without_pose(
    normal: Tensor,
    right: Tensor,
    moves: Tensor,
    mean: Tensor,
    basis: Tensor,
    pose: Tensor,
    points: Tensor,
    weights: Tensor,
) -> tuple[Tensor, Tensor]:
    """The shape's equations with small moves (B, L, 2, 6) of the pose eliminated: their Schur complement.

    A step over shape and pose at once. By turns alone, what both explain (a larger face, a nearer one) takes hundreds.
    """
    weighted = moves * weights[..., None, None]
    square = weighted.flatten(1, 2).mT @ moves.flatten(1, 2)  # (B, 6, 6)
    square.diagonal(dim1=1, dim2=2).mul_(1 + _DAMPING)
    pull = (weighted.mT @ pose[:, None, :2, :3]).transpose(1, 2).flatten(2)  # (B, 6, 3L)
    residual = (points - _project(mean, pose)).flatten(1)[..., None]
    sides = torch.cat([pull @ basis.flatten(1, 2), weighted.flatten(1, 2).mT @ residual], 2)  # (B, 6, K + 1)
    solved = torch.linalg.solve_triangular(torch.linalg.cholesky_ex(square).L, sides, upper=False)
    explained = solved[..., :-1].mT @ solved  # (B, K, K + 1)
    return normal - explained[..., :-1], right - explained[..., -1]


def _solve(normal: Tensor, right: Tensor, variance: Tensor) -> Tensor:
    """Coefficients (B, K) in standard deviations: (normal + variance I) a = right."""
    normal = normal + variance[:, None, None] * torch.eye(normal.shape[-1], dtype=normal.dtype, device=normal.device)
    factor = torch.linalg.cholesky_ex(normal).L  # NaN faces stay NaN and do not raise
    return torch.cholesky_solve(right[..., None], factor)[..., 0]
