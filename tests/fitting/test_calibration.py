import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, fit_landmarks
from pyface3d.data.schemes import mirror_permutation
from pyface3d.fitting import calibrate_landmarks, place_on_surface
from pyface3d.landmarks import box_size
from pyface3d.morphable import LandmarkSet


@pytest.fixture(scope="module")
def face():
    return MorphableModel.default()


def _views(face, count, points, seed=0):
    """Images (count, L, 2) of a set's points on random faces in random poses, y down, with 0.3 pixels of noise."""
    generator = torch.Generator().manual_seed(seed)
    coeffs = face.sample(count, generator)
    yaw, pitch = (torch.rand(count, generator=generator) * 2 - 1) * 1.2, (torch.rand(count, generator=generator) - 0.5)
    zero, one = torch.zeros(count), torch.ones(count)
    turn = torch.stack([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()], 1).view(-1, 3, 3)
    nod = torch.stack([one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()], 1)
    rotation = nod.view(-1, 3, 3) @ turn
    pose = torch.cat([5 * rotation, torch.tensor([60.0, 60.0, 0.0]).expand(count, 3)[..., None]], 2)
    seen = face.landmark_points(coeffs, pose, points)[..., :2] * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 119.0])
    return seen + 0.3 * torch.randn(seen.shape, generator=generator)


def test_moved_points_are_found(face):
    """Labels whose points are not where the set starts: two rounds find most of the way, on the surface."""
    truth = face.landmark_sets["300w-lp"]
    points = _views(face, 200, "300w-lp")
    found = calibrate_landmarks(points, face, "ict", mirror=mirror_permutation(68), rounds=2)
    assert found.residuals[-1] < 0.7 * found.residuals[0]
    start = (face.mean[face.landmarks] - truth.of(face.mean)).norm(dim=1)
    left = (found.points.of(face.mean) - truth.of(face.mean)).norm(dim=1)
    assert left.mean() < 0.6 * start.mean()
    assert torch.equal(found.points.mask, torch.ones(68, dtype=torch.bool))
    assert (found.points.weights >= 0).all()
    flipped = found.points.of(face.mean)[mirror_permutation(68)] * torch.tensor([-1.0, 1, 1])
    assert (flipped - found.points.of(face.mean)).norm(dim=1).mean() < 0.02  # cm


def test_a_convention_without_a_start(face):
    points = _views(face, 150, "five")
    found = calibrate_landmarks(points, face, anchors=_views(face, 150, "300w-lp"), rounds=2)
    truth = face.landmark_sets["five"].of(face.mean)
    assert (found.points.of(face.mean) - truth).norm(dim=1).max() < 0.3  # cm


def test_hidden_and_never_labeled_points(face):
    points = _views(face, 60, "300w-lp")
    points[::2, 5] = torch.nan
    points[:, 3] = torch.nan
    found = calibrate_landmarks(points, face, "ict", rounds=1)
    assert not found.points.mask[3] and found.points.mask.sum() == 67


def test_place_on_surface_finds_the_nearest_point(face):
    from pyface3d.evaluation.surface import point_to_mesh

    generator = torch.Generator().manual_seed(1)
    points = face.mean[torch.randint(6000, (40,), generator=generator)] + 0.3 * torch.randn(40, 3, generator=generator)
    placed = place_on_surface(face, points)
    distance = (placed.of(face.mean) - points).norm(dim=1).numpy()
    exact = point_to_mesh(points.numpy(), face.mean.numpy(), face.triangles.numpy(), neighbors=30)
    assert (distance <= exact + 1e-4).all()  # closer only across the holes of the eyes and the mouth
    assert np.isclose(distance, exact, atol=1e-3).mean() > 0.8
    assert (placed.weights > -1e-6).all()
    # a metric that does not see depth lets points slide along it
    metric = torch.diag(torch.tensor([1.0, 1.0, 1e-4])).expand(1, 3, 3)
    nose = face.landmark_sets["300w-lp"].of(face.mean)[[30]]
    slid = place_on_surface(face, nose + torch.tensor([0.0, 0.0, 3.0]), metric).of(face.mean)
    assert (slid - nose)[0, :2].norm() < 0.05


def test_pupils_lie_across_the_eyes(face):
    eyes = face.landmark_sets["300w-lp"].of(face.mean)
    middle = torch.stack([eyes[36:42].mean(0), eyes[42:48].mean(0)])
    placed = place_on_surface(face, middle)
    assert (placed.of(face.mean) - middle).norm(dim=1).max() < 0.15


def test_errors(face):
    bare = face.at_landmarks()
    with pytest.raises(ValueError, match="needs a model with triangles"):
        calibrate_landmarks(torch.zeros(1, 68, 2), bare)
    with pytest.raises(ValueError, match="has no triangles"):
        place_on_surface(bare, torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"points must be \(L, 3\)"):
        place_on_surface(face, torch.zeros(3))


def test_portraits_fit_by_mediapipes_points(data_folder, face):
    with np.load(data_folder / "portraits" / "mediapipe478.npz") as file:
        points = torch.from_numpy(file["points"][::8, :, :2].astype(np.float32))
    fit = fit_landmarks(points, face)
    assert (fit.error / box_size(points)).mean() < 0.010
    fit = fit_landmarks(points[:20, :468], face)
    assert (fit.error / box_size(points[:20, :468])).mean() < 0.010


def test_every_convention_fits_with_a_mask(face):
    for name in ("mediapipe468", "wflw98", "lapa106", "ibug51", "aflw19", "ibug81"):
        points = _views(face, 4, name)
        visible = torch.ones(points.shape[:2], dtype=torch.bool)
        visible[:, ::5] = False
        fit = fit_landmarks(points, face, landmarks=name, visible=visible, noise=0.003)
        assert fit.error.max() < 1.5
        known = points.isfinite().all(-1)
        assert torch.equal(fit.landmarks.isfinite().all(-1), known)
    own = LandmarkSet.of_vertices([10, 500, 1000, 2000, 3000, 4000, 5000])
    points = _views(face.with_landmarks({"own": own}), 2, "own")
    assert fit_landmarks(points, face, landmarks=own).error.max() < 0.5
