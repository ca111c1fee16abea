"""Any face model to any other: which point of one each vertex of the other is, and coefficients by one affine map."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pyface3d.atomic import atomic_write
from pyface3d.fitting.closest import Mesh
from pyface3d.fitting.registration import bend, similarity
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.morphable.content import METERS
from pyface3d.morphable.conventions import find_landmarks

_CALLER = "read_correspondence"
_ARRAYS = ("distance", "motion", "matrix", "offset", "gram")
_HEIGHT = 3.0  # of a face, in root mean squared distances of its inner landmarks from their middle
_FITS = 0.01  # of the face's size: a vertex farther from the bent surface has no partner
_PRIOR = 2e-4  # of the face's size: so much mean error is a coefficient of one standard deviation worth
_INNER = slice(17, 68)  # of iBUG's 68: the jaw's points mean other places in other conventions


@dataclass(frozen=True, eq=False)
class Correspondence:
    """From one face model to another.

    Attributes:
        source: hash of the model that coefficients are given of.
        target: hash of the model that they become.
        points: the target's vertices as points of the source's surface; missing where the source has none.
        motion: (3, 4) float64, ``[s R | t]`` from the source's frame and unit to the target's.
        matrix: (K_t, K_s) float64; expressions become expressions, identities identities.
        offset: (K_t,) float64.
        distance: (N_t,) float64: of each of the target's vertices to the surface bent onto it, in the target's unit.
        gram: (K_s + 1, K_s + 1) float64: the form of ``(coefficients, 1)`` that is the surfaces' mean squared distance
            in mm^2.

    Example:
        >>> model = MorphableModel.default()
        >>> there, back = register_models(model, model.truncated(10, 5))  # doctest: +SKIP
        >>> there.translate(model.sample(2)).shape  # doctest: +SKIP
        torch.Size([2, 15])
    """

    source: str
    target: str
    points: LandmarkSet
    distance: Tensor
    motion: Tensor
    matrix: Tensor
    offset: Tensor
    gram: Tensor

    def translate(self, coeffs: Tensor) -> Tensor:
        """Coefficients (B, K_s) of the source as those (B, K_t) of the target."""
        self._check(coeffs)
        return coeffs @ self.matrix.to(coeffs).T + self.offset.to(coeffs)

    def translate_pose(self, pose: Tensor) -> Tensor:
        """Poses (B, 3, 4) of the source's faces as those of the target's."""
        motion = self.motion.to(pose)
        back = torch.linalg.inv(motion[:, :3])  # of the turn and the scale
        turned = pose[..., :3] @ back
        return torch.cat([turned, pose[..., 3:] - (turned @ motion[:, 3:])], -1)

    def translate_params(self, params: Tensor) -> Tensor:
        """Rows (B, 12 + K_s) of pose and coefficients, or (B, K_s) of these alone, translated.

        Raises:
            ValueError: rows of another length.
        """
        if params.shape[1:] == (12 + self.matrix.shape[1],):
            pose = self.translate_pose(params[:, :12].unflatten(1, (3, 4)))
            return torch.cat([pose.flatten(1), self.translate(params[:, 12:])], 1)
        return self.translate(params)

    def surface_error(self, coeffs: Tensor) -> Tensor:
        """(B,) root mean squared distance of corresponding points of both faces, in millimeters."""
        self._check(coeffs)
        with_one = torch.nn.functional.pad(coeffs.double().cpu(), (0, 1), value=1.0)
        return (with_one @ self.gram * with_one).sum(1).clamp_min(0).sqrt()

    def _check(self, coeffs: Tensor) -> None:
        if coeffs.ndim != 2 or coeffs.shape[1] != self.matrix.shape[1]:
            wanted = f"(B, {self.matrix.shape[1]}), or with a pose (B, {12 + self.matrix.shape[1]})"
            raise ValueError(f"Correspondence: coefficients must be {wanted}, got {tuple(coeffs.shape)}")


@torch.no_grad()
def register_models(
    first: MorphableModel,
    second: MorphableModel,
    first_landmarks: str | LandmarkSet = "ibug68",
    second_landmarks: str | LandmarkSet = "ibug68",
) -> tuple[Correspondence, Correspondence]:
    """Dense correspondence of two face models, from their mean faces: there and back.

    The landmarks place the first mean, by lengths where both units are known; it is bent onto the second
    (:func:`pyface3d.fitting.registration.bend`); then each mean's vertices are the nearest points of the other. Faces
    translate by regularized least squares over the vertices that have a partner, solved once.

    Args:
        first: a face model with triangles.
        second: another.
        first_landmarks: a set of the first, by name or placed; partial ones will do. Of 68 points, those of the jaw
            are not used.
        second_landmarks: the same points of the second.

    Returns:
        First to second, and second to first.

    Raises:
        ValueError: a model without triangles, sets of different lengths, or fewer than four landmarks that both have.
    """
    sets = _common(first, second, first_landmarks, second_landmarks)
    (mean, mesh), (goal_mean, goal_mesh) = _surface(first), _surface(second)
    goals = sets[1].of(goal_mean)
    known = first.unit in METERS and second.unit in METERS
    scale = METERS[first.unit] / METERS[second.unit] if known else None
    size = _HEIGHT * float((goals - goals.mean(0)).square().sum(1).mean().sqrt())
    placed = _moved(mean, similarity(sets[0].of(mean), goals, scale))
    bent = bend(placed, mesh, goal_mean, goal_mesh, sets[0], goals, size)
    there, left = _partners(goal_mean, goal_mesh, bent, mesh, size)
    here, missed = _partners(bent, mesh, goal_mean, goal_mesh, size)
    forth = similarity(there.of(mean)[there.mask], goal_mean[there.mask], scale)  # by all of them, not by landmarks
    back = torch.linalg.inv(torch.cat([forth, torch.eye(4)[3:].double()]))[:3]
    shrunk = float(torch.linalg.det(back[:, :3])) ** (1 / 3)
    return (
        Correspondence(first.hash(), second.hash(), there, left, *_translation(first, second, there, forth, size)),
        Correspondence(
            second.hash(), first.hash(), here, missed * shrunk, *_translation(second, first, here, back, size * shrunk)
        ),
    )


def _common(
    first: MorphableModel, second: MorphableModel, first_set: str | LandmarkSet, second_set: str | LandmarkSet
) -> list[LandmarkSet]:
    """The landmarks that both models have."""
    sets = [find_landmarks(first, first_set), find_landmarks(second, second_set)]
    if len(sets[0]) != len(sets[1]):
        raise ValueError(f"register_models: both need the same landmarks, got {len(sets[0])} and {len(sets[1])}")
    if len(sets[0]) == 68:
        sets = [points[_INNER] for points in sets]
    common = sets[0].mask & sets[1].mask
    if int(common.sum()) < 4:
        raise ValueError(f"register_models: at least four landmarks must lie on both models, got {int(common.sum())}")
    return [points[common] for points in sets]


def _surface(model: MorphableModel) -> tuple[Tensor, Mesh]:
    if not len(model.triangles):
        raise ValueError(f"register_models: {model.name} has no triangles")
    return model.mean.detach().cpu().double(), Mesh(model.triangles.cpu(), model.n_vertices)


def _moved(points: Tensor, motion: Tensor) -> Tensor:
    return points @ motion[:, :3].T + motion[:, 3]


def _partners(
    points: Tensor, mesh: Mesh, surface: Tensor, surface_mesh: Mesh, size: float
) -> tuple[LandmarkSet, Tensor]:
    """The vertices (N, 3) of one mesh as points of the other's surface, where it has them, and how far off (N,)."""
    feet = surface_mesh.closest(points, surface)
    alike = (mesh.normals(points) * feet.of(surface_mesh.normals(surface))).sum(1) > 0
    here = alike & (feet.distance < _FITS * size) & surface_mesh.inner(feet)
    return LandmarkSet(torch.where(here[:, None], feet.corners, -1), feet.weights.float()), feet.distance


def _translation(
    source: MorphableModel, target: MorphableModel, points: LandmarkSet, motion: Tensor, size: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Motion, matrix, offset and Gram matrix of least squares.

    Expressions are solved by expressions, identities and the difference of the means by identities.
    """
    here = points.mask
    linear = motion[:, :3]
    goal = linear @ points.of(source.basis.detach().cpu().double())[here]  # (M, 3, K_s)
    start = (
        _moved(points.of(source.mean.detach().cpu().double())[here], motion) - target.mean[here].detach().cpu().double()
    )
    basis = target.basis.detach().cpu().double()[here]  # (M, 3, K_t)
    n_source, n_target, std = source.n_identity, target.n_identity, target.std.detach().cpu().double()
    prior = (_PRIOR * size) ** 2 * len(start)
    matrix = torch.zeros(target.n_coeffs, source.n_coeffs + 1, dtype=torch.float64)
    wanted = torch.cat([goal, start[..., None]], 2).flatten(0, 1)  # (3 M, K_s + 1)
    expressive = torch.arange(source.n_coeffs + 1) >= n_source
    expressive[-1] = False  # the means' difference
    for columns, rows in ((~expressive, slice(0, n_target)), (expressive, slice(n_target, None))):
        part = basis[..., rows].flatten(0, 1)
        square = part.T @ part + prior * torch.diag(std[rows] ** -2)
        matrix[rows, columns] = torch.linalg.solve(square, part.T @ wanted[:, columns])
    left = wanted - basis.flatten(0, 1) @ matrix
    millimeters = 1e3 * METERS.get(target.unit, torch.nan)
    gram = left.T @ left * (millimeters**2 / len(start))
    return motion, matrix[:, :-1], matrix[:, -1], gram


def save_correspondence(path: str | os.PathLike[str], there: Correspondence, back: Correspondence) -> None:
    """Writes both directions into one ``.npz``."""
    arrays: dict[str, np.ndarray] = {}
    for way, found in (("there", there), ("back", back)):
        arrays |= {f"{way}.corners": found.points.corners.numpy(), f"{way}.weights": found.points.weights.numpy()}
        arrays |= {f"{way}.{name}": getattr(found, name).numpy() for name in _ARRAYS}
        arrays |= {f"{way}.{name}": np.array(getattr(found, name)) for name in ("source", "target")}
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def read_correspondence(path: str | os.PathLike[str]) -> tuple[Correspondence, Correspondence]:
    """What :func:`save_correspondence` wrote: there and back.

    Raises:
        ValueError: the file is damaged, or something else.
    """
    with reading(path, _CALLER):
        arrays = read_npz(path, _CALLER)
        found = []
        for way in ("there", "back"):
            names = [f"{way}.{name}" for name in ("source", "target", "corners", "weights", *_ARRAYS)]
            lacking = [name for name in names if name not in arrays]
            if lacking:
                raise ValueError(f"{_CALLER}: {path} is no correspondence of face models: it lacks {lacking[0]}")
            found.append(_checked(path, *(arrays[name] for name in names)))
    return found[0], found[1]


def _checked(path: str | os.PathLike[str], *arrays: np.ndarray) -> Correspondence:
    source, target, corners, weights, *tables = arrays
    distance, motion, matrix, offset, gram = (torch.from_numpy(np.asarray(table, np.float64)) for table in tables)
    rows, columns = matrix.shape if matrix.ndim == 2 else (-1, -1)
    wanted = ((len(corners),), (3, 4), (rows,), (columns + 1, columns + 1))
    if (distance.shape, motion.shape, offset.shape, gram.shape) != wanted:
        raise ValueError(f"{_CALLER}: {path} has arrays that do not fit together")
    points = LandmarkSet(torch.from_numpy(corners), torch.from_numpy(weights))
    return Correspondence(str(source), str(target), points, distance, motion, matrix, offset, gram)
