"""A face model fitted to 2-D landmarks: closed-form pose, and regularized least squares for the shape, by turns."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace, flip_y, unflip_y
from pyface3d.fitting.solver import Solver
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.morphable.conventions import find_landmarks

_CHUNK = 1024  # faces at a time: few large operations, and 60 MB of Gram matrices for 50 coefficients


@dataclass
class LandmarkFit:
    """What :func:`fit_landmarks` found.

    Attributes:
        pose: (B, 3, 4) [f R | t] in the y-up frame of the crop; t_z, which no landmark shows, is zero.
        coeffs: (B, K) raw coefficients, identity first.
        params: (B, P) pose and coefficients as one vector, un-whitened.
        landmarks: (B, L, 2) the fitted landmarks in pixels, y down; NaN for points that the model lacks.
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
    landmarks: str | LandmarkSet | None = None,
    visible: Tensor | None = None,
    noise: float = 0.01,
    iterations: int = 5,
    contour: bool = False,
    size: int = 120,
    people: Tensor | None = None,
) -> LandmarkFit:
    """Fits a face model to 2-D landmarks, a batch at a time.

    Minimizes sum_i w_i |f R (mean_i + B_i a) + t - p_i|^2 / s^2 + sum_k ((a_k - m_k) / sigma_k)^2 by turns: the pose
    in closed form (:func:`pyface3d.fitting.fit_pose`), then the coefficients a from their normal equations, in which
    small moves of the pose are unknowns too (Gauss-Newton): a few turns are enough. s is ``noise`` times the size of
    the face. The normal matrix is a combination of six Gram matrices of the basis, so that an iteration costs no more
    for a large basis.

    Args:
        points: (B, L, 2) in pixels, x right, y down; a third coordinate is ignored. NaN marks a point as not visible.
        model: the face model; a model of 68 vertices (3DDFA's keypoint basis) will do.
        space: parameter space whose coefficients' mean and std are the prior and whose ``size`` and ``flip`` place
            the pose; by default the model's own standard deviations about zero, ``size`` and flip ``"face3d"``.
        landmarks: which points these are: a set of ``model.landmark_sets`` or a convention that follows from one
            (:func:`pyface3d.morphable.find_landmarks`), by name or given; None: by their number, 68 (300W-LP), 81 (with
            the forehead), 51 (without the jaw), 98 (WFLW), 106 (LaPa), 21 or 19 (AFLW), 478 or 468 (MediaPipe), 5.
            Points that the model lacks do not count.
        visible: (B, L) bool, or weights of at least zero.
        noise: standard deviation of the landmarks as a fraction of the face, sqrt(width * height) of the visible
            points' box.
        iterations: turns of pose and shape.
        contour: let the sixteen jaw points of 68 march along the silhouette, for annotations of what is seen (300W,
            WFLW); annotations of 3-D landmarks (300W-LP, AFLW2000-3D) do not want it.
        size: height of the image or crop where ``space`` is left out.
        people: (B,) int64, whose face each is: faces with the same number share one identity, solved over all of them
            at once, and have a pose and an expression each. None: all are different people.

    Returns:
        :class:`LandmarkFit`; faces with fewer than four visible points are NaN.

    Raises:
        TypeError: if the points are no Tensor.
        ValueError: if the points are not (B, L, 2) with the L of ``landmarks``, ``visible`` has another shape, or the
            model lacks what they need.

    Example:
        >>> from pyface3d import MorphableModel
        >>> model = MorphableModel.default()
        >>> fit = fit_landmarks(torch.rand(2, 68, 2) * 120, model)
        >>> fit.params.shape
        torch.Size([2, 62])
    """
    if not isinstance(points, Tensor):
        raise TypeError(f"fit_landmarks: points must be a Tensor, got {type(points).__name__}: torch.as_tensor(points)")
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise ValueError(f"fit_landmarks: points must be (B, L, 2), got {tuple(points.shape)}")
    placed = find_landmarks(model, points.shape[1] if landmarks is None else landmarks)
    _check(points, len(placed), visible, noise, iterations, contour, people)
    points = points[..., :2].to(torch.promote_types(points.dtype, torch.float32))
    space = _default_space(model, size) if space is None else space
    if space.n_coeffs != model.n_coeffs:
        raise ValueError(
            f"fit_landmarks: space has {space.n_coeffs} coefficients and the model {model.n_coeffs}; they must agree"
        )
    weights = ~points.isnan().any(-1) if visible is None else visible * ~points.isnan().any(-1)
    kept = placed.mask.nonzero()[:, 0].to(points.device)
    weights, points = weights.to(points)[:, kept], points[:, kept].nan_to_num()
    solver = Solver(model, space, placed[kept.cpu()], contour, points)
    up = unflip_y(points, space.size, space.flip)
    pose, coeffs, fitted = _solve(solver, up, weights, noise, iterations, people)
    seen = flip_y(fitted, space.size, space.flip)
    error = ((seen - points).norm(dim=-1) * weights).sum(1) / weights.sum(1)
    whole = seen.new_full((len(seen), len(placed), 2), torch.nan).index_copy(1, kept, seen)
    return LandmarkFit(pose, coeffs, space.join(pose, coeffs), whole, error)


def _check(
    points: Tensor,
    wanted: int,
    visible: Tensor | None,
    noise: float,
    iterations: int,
    contour: bool,
    people: Tensor | None,
) -> None:
    if points.shape[1] != wanted:
        raise ValueError(f"fit_landmarks: points must be (B, {wanted}, 2), got {tuple(points.shape)}")
    if visible is not None and visible.shape != points.shape[:2]:
        raise ValueError(f"fit_landmarks: visible must be {tuple(points.shape[:2])}, got {tuple(visible.shape)}")
    if not (0 <= noise < float("inf") and iterations >= 1):
        got = f"{noise} and {iterations}"
        raise ValueError(f"fit_landmarks: noise must be finite and at least 0, iterations at least 1, got {got}")
    if contour and points.shape[1] not in (68, 81):
        raise ValueError(f"fit_landmarks: contour needs 68 or 81 points, {points.shape[1]} have no jaw line of iBUG's")
    if people is not None and (people.shape != points.shape[:1] or people.is_floating_point()):
        got = f"{people.dtype} {tuple(people.shape)}"
        raise ValueError(f"fit_landmarks: people must be int64 ({len(points)},), got {got}")


def _solve(
    solver: Solver, points: Tensor, weights: Tensor, noise: float, iterations: int, people: Tensor | None
) -> tuple[Tensor, ...]:
    """Poses, coefficients and fitted points: of each face by itself, or of people with one identity each."""
    if people is None:
        fits = [solver(*chunk, noise, iterations) for chunk in zip(points.split(_CHUNK), weights.split(_CHUNK))]
    else:
        numbers = people.to(points.device).unique(return_inverse=True)[1]
        fits = [solver(points, weights, noise, iterations, numbers)] if len(points) else []
    return tuple(torch.cat(parts) for parts in zip(*fits)) if fits else solver.empty(points.shape[1])


def _default_space(model: MorphableModel, size: int) -> ParameterSpace:
    std = torch.cat([torch.ones(12), model.std.float().cpu()])
    return ParameterSpace.of_model(model, std=std, size=size)
