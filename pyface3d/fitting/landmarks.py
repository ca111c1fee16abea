"""A face model fitted to 2-D landmarks: closed-form pose alternated with regularized least squares for the shape."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace, flip_y, unflip_y
from pyface3d.fitting.contour import JAW, contour_candidates, march
from pyface3d.fitting.pose import fit_pose
from pyface3d.landmarks import aflw21_matrix, box_size
from pyface3d.morphable import MorphableModel

_CHUNK = 1024  # faces at a time: few large operations, and 60 MB of Gram matrices for 50 coefficients
_LEAST_POINTS = 4
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # pairs of coordinates of a symmetric 3x3 matrix


@dataclass
class LandmarkFit:
    """What :func:`fit_landmarks` found.

    Attributes:
        pose: (B, 3, 4) [f R | t] in the y-up frame of the crop; t_z, which no landmark shows, is zero.
        coeffs: (B, K) raw coefficients, identity first.
        params: (B, P) pose and coefficients as one vector, un-whitened.
        landmarks: (B, L, 2) the fitted landmarks in pixels, y down.
        error: (B,) mean distance of the visible landmarks to the given ones in pixels; NaN where fewer than four are
            visible.
    """

    pose: Tensor
    coeffs: Tensor
    params: Tensor
    landmarks: Tensor
    error: Tensor


@torch.no_grad()
def fit_landmarks(
    points: Tensor,
    model: MorphableModel,
    space: ParameterSpace | None = None,
    *,
    visible: Tensor | None = None,
    noise: float = 0.01,
    iterations: int = 10,
    contour: bool = False,
    size: int = 120,
) -> LandmarkFit:
    """Fits a face model to 2-D landmarks, a batch at a time.

    Minimizes sum_i w_i |f R (mean_i + B_i a) + t - p_i|^2 / s^2 + sum_k ((a_k - m_k) / sigma_k)^2 by turns: the pose
    in closed form (:func:`pyface3d.fitting.fit_pose`), then the coefficients a from their normal equations. s is
    ``noise`` times the size of the face. The normal matrix is a combination of six Gram matrices of the basis, so
    that an iteration costs no more for a large basis.

    Args:
        points: (B, L, 2) in pixels, x right, y down; L = 68 (iBUG), 81 (68 and the forehead) or 21 (AFLW); a third
            coordinate is ignored. NaN marks a point as not visible.
        model: the face model; a model of 68 vertices (3DDFA's keypoint basis) will do.
        space: parameter space whose coefficients' mean and std are the prior and whose ``size`` and ``flip`` place
            the pose; by default the model's own standard deviations about zero, ``size`` and flip ``"face3d"``.
        visible: (B, L) bool, or weights of at least zero.
        noise: standard deviation of the landmarks as a fraction of the face, sqrt(width * height) of the visible
            points' box.
        iterations: turns of pose and shape.
        contour: let the sixteen jaw points of 68 march along the silhouette, for annotations of what is seen (300W,
            WFLW); annotations of 3-D landmarks (300W-LP, AFLW2000-3D) do not want it.
        size: height of the image or crop where ``space`` is left out.

    Returns:
        :class:`LandmarkFit`; faces with fewer than four visible points are NaN.

    Raises:
        TypeError: if the points are no Tensor.
        ValueError: if the points are not (B, 21|68|81, 2), ``visible`` has another shape, or the model lacks what they
            need.

    Example:
        >>> from pyface3d import MorphableModel
        >>> model = MorphableModel.default()
        >>> fit = fit_landmarks(torch.rand(2, 68, 2) * 120, model)
        >>> fit.params.shape
        torch.Size([2, 62])
    """
    if not isinstance(points, Tensor):
        raise TypeError(f"fit_landmarks: points must be a Tensor, got {type(points).__name__}: torch.as_tensor(points)")
    if points.ndim != 3 or points.shape[1] not in (21, 68, 81) or points.shape[2] not in (2, 3):
        raise ValueError(
            f"fit_landmarks: points must be (B, 21, 2), (B, 68, 2) or (B, 81, 2), got {tuple(points.shape)}"
        )
    if visible is not None and visible.shape != points.shape[:2]:
        raise ValueError(f"fit_landmarks: visible must be {tuple(points.shape[:2])}, got {tuple(visible.shape)}")
    if not (0 <= noise < float("inf") and iterations >= 1):
        got = f"{noise} and {iterations}"
        raise ValueError(f"fit_landmarks: noise must be finite and at least 0, iterations at least 1, got {got}")
    if contour and points.shape[1] == 21:
        raise ValueError("fit_landmarks: contour needs 68 or 81 points; AFLW's 21 have no jaw line")
    points = points[..., :2].to(torch.promote_types(points.dtype, torch.float32))
    space = _default_space(model, size) if space is None else space
    if space.n_coeffs != model.n_coeffs:
        raise ValueError(
            f"fit_landmarks: space has {space.n_coeffs} coefficients and the model {model.n_coeffs}; they must agree"
        )
    weights = ~points.isnan().any(-1) if visible is None else visible * ~points.isnan().any(-1)
    weights = weights.to(points)
    solver = _Solver(model, space, points.shape[1], contour, points)
    up = unflip_y(points.nan_to_num(), space.size, space.flip)
    fits = [solver(*chunk, noise, iterations) for chunk in zip(up.split(_CHUNK), weights.split(_CHUNK))]
    pose, coeffs, fitted = (torch.cat(parts) for parts in zip(*fits)) if fits else solver.empty(points.shape[1])
    landmarks = flip_y(fitted, space.size, space.flip)
    error = ((landmarks - points.nan_to_num()).norm(dim=-1) * weights).sum(1) / weights.sum(1)
    return LandmarkFit(pose, coeffs, space.join(pose, coeffs), landmarks, error)


def _default_space(model: MorphableModel, size: int) -> ParameterSpace:
    std = torch.cat([torch.ones(12), model.std.float().cpu()])
    return ParameterSpace(std=std, n_identity=model.n_identity, n_expression=model.n_expression, size=size)


class _Solver:
    """The landmarks' basis in units of the face's radius and of standard deviations, and its Gram matrices."""

    def __init__(
        self, model: MorphableModel, space: ParameterSpace, n_points: int, contour: bool, like: Tensor
    ) -> None:
        self.std, self.prior = space.split(space.std.to(like))[1], space.split(space.mean.to(like))[1]  # (K,) each
        mean, basis = _landmark_basis(model, n_points)
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

    def __call__(self, points: Tensor, weights: Tensor, noise: float, iterations: int) -> tuple[Tensor, ...]:
        """Pose (B, 3, 4), raw coefficients (B, K) and fitted landmarks (B, L, 2), y up, of points (B, L, 2)."""
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
            standard = _solve(normal, mean, basis, pose, points, weights, variance)
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


def _landmark_basis(model: MorphableModel, n_points: int) -> tuple[Tensor, Tensor]:
    """Mean (L, 3) and basis (L, 3, K) of the landmarks."""
    if model.landmarks is None:
        raise ValueError(
            f"fit_landmarks: {model.name} has no 68 landmarks; give it some (MorphableModel(landmarks=...))"
        )
    ids = model.landmarks81 if n_points == 81 else model.landmarks
    mean, basis = model.mean[ids].float(), model.basis[ids].float()
    if n_points != 21:
        return mean, basis
    matrix = aflw21_matrix(device=mean.device)
    return matrix @ mean, torch.einsum("al,lck->ack", matrix, basis)


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


def _solve(
    normal: Tensor, mean: Tensor, basis: Tensor, pose: Tensor, points: Tensor, weights: Tensor, variance: Tensor
) -> Tensor:
    """Coefficients (B, K) in standard deviations: (normal + variance I) a = sum_i w_i (f R B_i)^T (p_i - f R mean_i -
    t).
    """
    residual = (points - _project(mean, pose)) * weights[..., None]
    pull = (residual @ pose[:, :2, :3]).flatten(1)[:, None]  # (B, 1, 3L)
    right = (pull @ basis.flatten(1, 2))[:, 0]
    normal = normal + variance[:, None, None] * torch.eye(normal.shape[-1], dtype=normal.dtype, device=normal.device)
    factor = torch.linalg.cholesky_ex(normal).L  # NaN faces stay NaN and do not raise
    return torch.cholesky_solve(right[..., None], factor)[..., 0]
