"""Where the landmarks of a convention lie on a face model, from fits to labeled pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.camera import unflip_y
from pyface3d.fitting.landmarks import LandmarkFit, fit_landmarks
from pyface3d.fitting.placing import place_on_surface
from pyface3d.landmarks import box_size
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.morphable.conventions import find_landmarks
from pyface3d.morphable.landmark_sets import DEFAULT

_DEPTH = 1e-2  # of the mean curvature: how firmly a direction that no picture shows stays where it was


@dataclass
class Calibration:
    """What :func:`calibrate_landmarks` found.

    Attributes:
        points: the landmarks on the surface.
        residuals: mean distance between the labels and the fitted landmarks, as a share of the face's size
            (sqrt(width * height) of the points' box): before, then after each round.
    """

    points: LandmarkSet
    residuals: list[float]


@torch.no_grad()
def calibrate_landmarks(
    points: Tensor,
    model: MorphableModel,
    start: str | LandmarkSet | None = None,
    *,
    visible: Tensor | None = None,
    anchors: Tensor | None = None,
    mirror: Tensor | None = None,
    rounds: int = 3,
    noise: float = 0.01,
    size: int = 120,
) -> Calibration:
    """Moves the landmarks of a convention to where its labels have them on the face model.

    The landmarks of two conventions, or of two face models, differ by a fixed offset each: 1.5 to 9 mm between
    ICT-FaceKit's 68 and 300W-LP's. Faces are fitted; for each landmark the offset d in the model frame that minimizes
    ``sum_faces w |r - f R d|^2`` follows from the residuals r and the poses (3x3 normal equations); the landmarks move,
    each to the point of the surface that these equations like best, and the faces are fitted anew. Later rounds gain
    less each and begin to drift: two or three are enough. No pose is needed, but faces must be seen from several sides.

    Args:
        points: (B, L, 2) labels in pixels, y down; NaN marks one that is not visible.
        model: a face model with triangles.
        start: where to begin, as ``landmarks`` of :func:`fit_landmarks`; None: by the number of points. Points that the
            start lacks stay missing.
        visible: (B, L) bool or weights.
        anchors: (B, 68, 2) points of ``"300w-lp"`` of the same pictures: they say how the faces are, ``points`` only
            where the landmarks are on them. For a convention without a start, and for one of few points.
        mirror: (L,) the number that each point has on the mirrored face; makes the set symmetric about x = 0.
        rounds: fits and moves.
        noise: as in :func:`fit_landmarks`.
        size: height of the pictures.

    Returns:
        :class:`Calibration`.

    Raises:
        ValueError: shapes that do not fit, a model without triangles, or fewer than one round.

    Example:
        >>> found = calibrate_landmarks(points, model, "300w-lp", mirror=mirror_permutation(68))  # doctest: +SKIP
        >>> found.residuals  # doctest: +SKIP
        [0.0139, 0.0065, 0.0050, 0.0043]
    """
    if not len(model.triangles) or rounds < 1:
        got = f"{len(model.triangles)} triangles and {rounds} rounds"
        raise ValueError(f"calibrate_landmarks: needs a model with triangles and at least one round, got {got}")
    weights = ~points.isnan().any(-1) if visible is None else visible * ~points.isnan().any(-1)
    weights = weights.float()
    if anchors is not None and start is None:
        place = _middle(model, points.shape[1])
    else:
        place = find_landmarks(model, points.shape[1] if start is None else start)
    residuals = []
    for turn in range(rounds + 1):
        if anchors is None:
            fit = fit_landmarks(points, model, landmarks=place, visible=weights, noise=noise, size=size)
        elif turn == 0:
            fit = fit_landmarks(anchors, model, noise=noise, size=size)
        equations = _Equations.of(model, place, fit, points, weights, size)
        residuals.append(equations.residual)
        if turn < rounds:
            place = equations.solved(model, place, mirror)
    return Calibration(place, residuals)


def _middle(model: MorphableModel, count: int) -> LandmarkSet:
    """All points at the middle of the 68: the first offsets are then their places."""
    points = find_landmarks(model, DEFAULT)
    return points.combined(torch.full((count, len(points)), 1 / len(points)))


@dataclass
class _Equations:
    """Normal equations of the landmarks' offsets.

    Attributes:
        mean: (L, 3) where the landmarks are on the mean face.
        normal: (L, 3, 3) sum of w (fR)^T (fR), made firm where no picture shows anything.
        right: (L, 3) sum of w (fR)^T r.
        known: (L,) bool, landmarks with labels.
        residual: mean |r| as a share of the face's size.
    """

    mean: Tensor
    normal: Tensor
    right: Tensor
    known: Tensor
    residual: float

    @classmethod
    def of(
        cls, model: MorphableModel, place: LandmarkSet, fit: LandmarkFit, points: Tensor, weights: Tensor, size: int
    ) -> "_Equations":
        """From fitted faces and the labels (B, L, 2) with weights (B, L)."""
        up = unflip_y(points[..., :2].nan_to_num().double(), size, "face3d")
        linear, shift = fit.pose[:, :2, :3].double(), fit.pose[:, None, :2, 3].double()  # (B, 2, 3), (B, 1, 2)
        mean, basis = place.of(model.mean.double()), place.of(model.basis.double())
        shape = mean + (fit.coeffs.double() @ basis.flatten(0, 1).mT).unflatten(1, mean.shape)  # (B, L, 3)
        residual = up - (shape @ linear.mT + shift)  # (B, L, 2)
        scale = box_size(up, weights > 0)  # (B,)
        usable = fit.pose[:, 0, 0].isfinite() & (scale > 0)
        weights = torch.where(usable[:, None], weights.double() / scale[:, None] ** 2, 0.0)
        weights = weights * place.mask.to(weights)
        residual, linear = residual.nan_to_num(), linear.nan_to_num()
        normal = torch.einsum("bl,bij,bik->ljk", weights, linear, linear)
        right = torch.einsum("bl,bij,bli->lj", weights, linear, residual)
        trace = normal.diagonal(dim1=1, dim2=2).sum(1)
        known = trace > 0
        firm = (_DEPTH / 3 * trace + ~known)[:, None, None] * torch.eye(3, dtype=normal.dtype, device=normal.device)
        share = residual.norm(dim=2) / scale.clamp_min(1e-9)[:, None]
        return cls(mean, normal + firm, right, known, float(share[weights > 0].mean()))

    def solved(self, model: MorphableModel, place: LandmarkSet, mirror: Tensor | None) -> LandmarkSet:
        """The landmarks moved by their offsets, on the surface."""
        target, normal = self.mean + torch.linalg.solve(self.normal, self.right), self.normal
        if mirror is not None:
            target, normal = _symmetric(target, normal, mirror)
        found = place_on_surface(model, target, normal)
        kept = (self.known.cpu() & place.mask)[:, None]
        return LandmarkSet(torch.where(kept, found.corners, -1), found.weights)


def _symmetric(target: Tensor, normal: Tensor, mirror: Tensor) -> tuple[Tensor, Tensor]:
    """The minimum of both sides' equations together, the other side's mirrored at x = 0."""
    sign = target.new_tensor([-1.0, 1.0, 1.0])
    other, there = normal[mirror] * sign[:, None] * sign, target[mirror] * sign
    both = normal + other
    right = normal @ target[..., None] + other @ there[..., None]
    return torch.linalg.solve(both, right)[..., 0], both
