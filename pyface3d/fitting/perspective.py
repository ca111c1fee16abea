"""Fits to landmarks through a pinhole camera: weak-perspective fits to points that are corrected for it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyface3d.camera import PinholeCamera, decompose_pose
from pyface3d.fitting.landmarks import LandmarkFit, fit_landmarks
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.morphable.content import METERS
from pyface3d.morphable.conventions import find_landmarks
from pyface3d.morphable.landmark_sets import LandmarkBasis
from pyface3d.ops import project_perspective


@dataclass
class PerspectiveFit:
    """What :func:`fit_perspective` found.

    Attributes:
        coeffs: (B, K) raw coefficients, identity first.
        matrices: (B, 4, 4) float64 from the model frame to the camera's, by OpenGL's and glTF's convention, in meters.
        landmarks: (B, L, 2) the fitted landmarks in pixels, y down; NaN for points that the model lacks.
        error: (B,) mean distance of the visible landmarks to the given ones in pixels.
    """

    coeffs: Tensor
    matrices: Tensor
    landmarks: Tensor
    error: Tensor


@torch.no_grad()
def fit_perspective(
    points: Tensor,
    model: MorphableModel,
    camera: PinholeCamera,
    *,
    landmarks: str | LandmarkSet | None = None,
    rounds: int = 8,
    **options: Any,
) -> PerspectiveFit:
    """Fits a face model to 2-D landmarks seen by a pinhole camera.

    A point at depth Z_i is seen at Z_0 / Z_i times where weak perspective of depth Z_0 has it. As DeMenthon and Davis
    (POSIT, IJCV 1995) do for rigid objects, points are multiplied by Z_i / Z_0 about the principal point and fitted
    weakly (:func:`fit_landmarks`), which tells better depths; a few rounds settle it.

    Args:
        points: (B, L, 2) in pixels of the camera's picture, y down; NaN marks a point as not visible.
        model: the face model; its unit must be one of length.
        camera: the camera.
        landmarks: which points these are, as ``fit_landmarks`` takes it.
        rounds: fits in turn.
        options: of ``fit_landmarks``: ``visible``, ``noise``, ``iterations``, ``contour``, ``people``.

    Returns:
        :class:`PerspectiveFit`; faces with fewer than four visible points are NaN.

    Raises:
        ValueError: as ``fit_landmarks``, or a model without a known unit.

    Example:
        >>> from pyface3d import MorphableModel
        >>> camera = PinholeCamera.guess(640, 480)
        >>> fit_perspective(torch.rand(1, 68, 2) * 100 + 200, MorphableModel.default(), camera).matrices.shape
        torch.Size([1, 4, 4])
    """
    if model.unit not in METERS:
        raise ValueError(f"fit_perspective: the model's unit must be of {', '.join(METERS)}, got {model.unit!r}")
    (fx, fy), (cx, cy) = camera.focal, camera.principal
    alike = PinholeCamera(camera.width, camera.height, (fx, fx), (cx, cy))  # pixels as wide as high
    center, stretch = points.new_tensor([cx, cy]), points.new_tensor([1.0, fx / fy])
    given = (points[..., :2] - center) * stretch  # (B, L, 2) about the principal point
    placed = find_landmarks(model, points.shape[1] if landmarks is None else landmarks)
    basis = LandmarkBasis(placed, model.mean, model.basis)
    depths = torch.ones_like(given[..., :1])  # (B, L, 1) Z_i / Z_0
    for _ in range(rounds):
        found = fit_landmarks(given * depths + center, model, landmarks=placed, size=camera.height, **options)
        shape = model.landmark_points(found.coeffs, None, basis)  # (B, L, 3)
        depths = _depths(found, shape, fx, placed)
    matrices = _matrices(found, shape, placed, alike, METERS[model.unit])
    seen = _seen(shape, matrices, camera).masked_fill(~placed.mask.to(points.device)[:, None], torch.nan)
    known = ~points[..., :2].isnan().any(2) & placed.mask.to(points.device)
    if options.get("visible") is not None:
        known = known & (options["visible"] > 0)
    apart = (seen - points[..., :2]).norm(dim=2)
    error = torch.where(known, apart, 0.0).sum(1) / known.sum(1)
    return PerspectiveFit(found.coeffs, matrices, seen, error)


def _depths(found: LandmarkFit, shape: Tensor, focal: float, placed: LandmarkSet) -> Tensor:
    """(B, L, 1) depths of the landmarks over that of their middle."""
    scale, rotation, _ = decompose_pose(found.pose)
    mask = placed.mask.to(shape.device)
    toward = (shape @ rotation[:, 2, :, None])[..., 0]  # (B, L) to the viewer, in the model's unit
    toward = toward - toward[:, mask].mean(1, keepdim=True)
    share = 1 - toward * scale[:, None] / focal  # the middle's depth is focal / scale units
    return torch.where(mask, share, 1.0)[..., None].clamp(0.2, 5.0)


def _seen(shape: Tensor, matrices: Tensor, camera: PinholeCamera) -> Tensor:
    """(B, L, 2) pixels of points (B, L, 3) of the model, by OpenGL's matrices."""
    pose = matrices.to(shape)[:, :3] * shape.new_tensor([[1.0], [-1.0], [-1.0]])  # OpenCV's
    intrinsics = torch.from_numpy(camera.matrix).to(shape).expand(len(shape), 3, 3)
    return project_perspective(shape, pose, intrinsics)[..., :2]


def _matrices(found: LandmarkFit, shape: Tensor, placed: LandmarkSet, camera: PinholeCamera, meters: float) -> Tensor:
    """(B, 4, 4) of the weak poses, y up, put at the depths of the landmarks' middle."""
    middles = shape[:, placed.mask.to(shape.device)].mean(1).double().cpu().numpy()  # (B, 3)
    poses = found.pose.double().cpu().numpy() * np.array([[1.0], [-1.0], [1.0]])
    poses[:, 1, 3] += camera.height - 1
    whole = [
        camera.place(pose, middle, meters) if np.isfinite(pose).all() else np.full((4, 4), np.nan)
        for pose, middle in zip(poses, middles)
    ]
    return torch.from_numpy(np.stack(whole)) if whole else torch.zeros(0, 4, 4, dtype=torch.float64)
