import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, fit_landmarks
from pyface3d.data.schemes import mirror_permutation
from pyface3d.fitting.placing import hole_triangles
from pyface3d.landmarks import WFLW_TO_68, aflw21_from_68
from pyface3d.morphable import LandmarkSet, find_landmarks
from pyface3d.morphable.conventions import joined, known_landmarks


@pytest.fixture(scope="module")
def face():
    return MorphableModel.default()


def test_points_are_weighted_means_of_their_corners(face):
    coeffs = face.sample(3, torch.Generator().manual_seed(0))
    vertices = face.synthesize(coeffs)
    for name, points in face.landmark_sets.items():
        found = face.landmark_points(coeffs, name=name)
        expected = (vertices[:, points.corners] * points.weights[..., None]).sum(2)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    pose = torch.tensor([[[2.0, 0, 0, 5], [0, 2, 0, 6], [0, 0, 2, 7]]]).expand(3, -1, -1)
    posed = face.landmark_points(coeffs, pose)
    torch.testing.assert_close(posed, 2 * face.landmarks68(coeffs) + torch.tensor([5.0, 6, 7]), atol=1e-4, rtol=1e-4)


def test_sets_of_the_embedded_face(face):
    assert {"300w-lp", "ict", "aflw21", "mediapipe478", "forehead13", "five", "wflw98"} <= set(face.landmark_sets)
    torch.testing.assert_close(face.landmark_sets["ict"].of(face.mean), face.mean[face.landmarks], rtol=0, atol=0)
    moved = 10 * (face.landmark_sets["300w-lp"].of(face.mean) - face.mean[face.landmarks]).norm(dim=1)  # mm
    assert 2 < moved.mean() < 5 and moved.max() < 12
    sides = face.landmark_sets["mediapipe478"].of(face.mean)[[33, 263, 468, 473]]  # outer eye corners, pupils
    assert sides[0, 0] < -3 and sides[1, 0] > 3
    assert torch.allclose(sides[2] * torch.tensor([-1.0, 1, 1]), sides[3], atol=0.05)
    head = MorphableModel.default("head")
    for name, points in face.landmark_sets.items():
        torch.testing.assert_close(head.landmark_sets[name].of(head.mean), points.of(face.mean))


def test_a_named_set_costs_what_vertices_cost(face):
    points = face.landmark_basis("300w-lp")
    assert points.mean.shape == (68, 3) and points.basis.shape == (68, 3, 50)
    small = face.at_landmarks()
    assert small.n_vertices == 68 and not len(small.triangles)
    coeffs = face.sample(2)
    torch.testing.assert_close(small.synthesize(coeffs), face.landmarks68(coeffs))


def test_gradients_stay_finite_beside_missing_points(face):
    partial = face.with_landmarks({"300w-lp": LandmarkSet.of_vertices([-1, *range(67)])})
    coeffs = torch.zeros(1, 50, requires_grad=True)
    pose = torch.eye(3, 4)[None].requires_grad_()
    found = partial.landmarks68(coeffs, pose)
    assert found[:, 0].isnan().all() and found[:, 1:].isfinite().all()
    found[:, 1:].sum().backward()
    assert coeffs.grad.isfinite().all() and pose.grad.isfinite().all()


def test_conventions_that_follow_from_others(face):
    base = face.landmark_sets["300w-lp"]
    marks = base.of(face.mean)
    plain = MorphableModel(
        face.mean, face.identity_basis, face.expression_basis, face.triangles, landmarks=face.landmarks
    )
    vertices = plain.mean[plain.landmarks]
    torch.testing.assert_close(find_landmarks(plain, "aflw21").of(plain.mean), aflw21_from_68(vertices))
    assert find_landmarks(plain, 19).corners.shape[0] == 19
    torch.testing.assert_close(find_landmarks(face, "ibug51").of(face.mean), marks[17:])
    torch.testing.assert_close(find_landmarks(plain, "five").of(plain.mean)[2], vertices[30])
    wflw = find_landmarks(plain, 98)
    assert int(wflw.mask.sum()) == 68
    torch.testing.assert_close(wflw.of(plain.mean)[[32, 60, 72]], vertices[[16, 36, 45]])
    assert len(find_landmarks(face, 468)) == 468 and len(find_landmarks(face, 81)) == 81
    assert set(known_landmarks(plain)) == {68, 51, 21, 19, 98, 106, 5}
    with pytest.raises(ValueError, match="no convention of 7 points is known"):
        find_landmarks(face, 7)
    with pytest.raises(ValueError, match="has no landmarks 'mediapipe478', its sets are 300w-lp"):
        find_landmarks(plain, 478)


def on_surface(face, name, slack=1e-3):
    """The points of a set (L, 3), which lie in triangles of the surface or of those across its holes."""
    points = find_landmarks(face, name)
    assert bool(points.mask.all()) and bool((points.weights >= -slack).all())
    triangles = torch.cat([face.triangles, hole_triangles(face)]).sort(1).values
    known = {tuple(row) for row in triangles.tolist()}
    assert all(len(set(row)) < 3 or tuple(row) in known for row in points.corners.sort(1).values.tolist())
    return points.of(face.mean)


def symmetric(points, count, most):
    """Whether the points are their own mirror image within so many centimeters."""
    mirrored = points[mirror_permutation(count)] * torch.tensor([-1.0, 1.0, 1.0])
    return bool(((points - mirrored).norm(dim=1) < most).all())


def test_wflws_98(face):
    points = on_surface(face, "wflw98")
    assert symmetric(points, 98, 0.05)
    marks = face.landmark_sets["300w-lp"].of(face.mean)
    assert (points[list(WFLW_TO_68)] - marks).norm(dim=1).max() < 0.1
    outline = points[:33]
    steps = (outline[1:] - outline[:-1]).norm(dim=1)  # halfway: neither step is much longer than the other
    assert (steps[0::2] / steps[1::2]).sub(1).abs().max() < 0.3
    for upper, lower in (((34, 35, 36, 37), (41, 40, 39, 38)), ((42, 43, 44, 45), (50, 49, 48, 47))):
        rise = points[list(upper), 1] - points[list(lower), 1]
        assert (rise > 0.1).all() and (rise < 1.5).all()  # the brows' lower edges lie below their upper ones
    for eye, pupil in ((range(60, 68), 96), (range(68, 76), 97)):
        x, y = points[list(eye), 0], points[list(eye), 1]
        assert x.min() < points[pupil, 0] < x.max() and y.min() < points[pupil, 1] < y.max()
        assert y.argmax() in (1, 2, 3) and y.argmin() in (5, 6, 7)  # the lids' middles are their heights
    assert 96 < len(points) == len(face.landmark_points(face.sample(1), name="wflw98")[0])


@pytest.mark.parametrize(("name", "count"), [("mediapipe468", 468), ("aflw19", 19), ("aflw21", 21), ("five", 5)])
def test_sets_of_others_lie_on_the_face(face, name, count):
    points = on_surface(face, name)
    assert len(points) == count
    if count in (21, 5):
        assert symmetric(points, count, 0.05)
    if name == "aflw19":  # AFLW's 21 without the ears
        whole = on_surface(face, "aflw21")
        torch.testing.assert_close(points, whole[[k for k in range(21) if k not in (12, 16)]])
    if name == "mediapipe468":
        torch.testing.assert_close(points, on_surface(face, "mediapipe478")[:468])


def test_ibugs_51_are_the_inner_points(face):
    points = on_surface(face, "ibug51")
    torch.testing.assert_close(points, face.landmark_sets["300w-lp"].of(face.mean)[17:])
    assert symmetric(torch.cat([face.landmark_sets["300w-lp"].of(face.mean)[:17], points]), 68, 0.05)


def test_minus_one_says_that_a_model_lacks_a_point(face):
    ids = [-1, *face.landmarks[1:].tolist()]
    found = fit_landmarks(face.landmarks68(face.sample(2))[..., :2], face, landmarks=LandmarkSet.of_vertices(ids))
    assert found.landmarks[:, 0].isnan().all() and found.landmarks[:, 1:].isfinite().all()
    assert find_landmarks(face.with_landmarks({"300w-lp": LandmarkSet.of_vertices(ids)}), "ibug68").mask.sum() == 67


def test_what_a_model_lacks(face):
    partial = [*range(60), *[-1] * 8]
    model = MorphableModel(face.mean, face.identity_basis, face.expression_basis, face.triangles, landmarks=partial)
    assert model.landmarks is None
    assert model.landmark_sets["300w-lp"].mask.sum() == 60
    assert int(find_landmarks(model, "aflw21").mask.sum()) == 20  # the mouth's middle needs the missing lips


def test_sets_in_files(face, tmp_path):
    face = face.with_landmarks({"mine": LandmarkSet([[4, 5, 6], [-1, -1, -1]], [[0.5, 0.25, 0.25], [0, 0, 0]])})
    for name in ("face.safetensors", "face.npz"):
        face.save(tmp_path / name)
        back = MorphableModel.load(tmp_path / name)
        assert {key: points.hash() for key, points in back.landmark_sets.items()} == {
            key: points.hash() for key, points in face.landmark_sets.items()
        }
        assert back.hash() == face.hash() == MorphableModel.default().hash()
    with np.load(tmp_path / "face.npz") as file:
        arrays = dict(file)
    arrays["landmark_set.300w-lp.corners"] = arrays["landmark_set.300w-lp.corners"][::-1]
    np.savez(tmp_path / "changed.npz", **arrays)
    with pytest.raises(ValueError, match="damaged"):
        MorphableModel.load(tmp_path / "changed.npz")


def test_joined_and_renumbered():
    surface, vertices = LandmarkSet([[0, 1, 2]], [[0.2, 0.3, 0.5]]), LandmarkSet.of_vertices([7, -1])
    both = joined(surface, vertices)
    values = torch.arange(10.0)[:, None]
    assert both.of(values)[:, 0].tolist() == pytest.approx([1.3, 7.0, 0.0])
    assert both.mask.tolist() == [True, True, False]
    place = torch.arange(10).flip(0)
    place[1] = -1
    assert both.renumbered(place).mask.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("corners", "weights", "sentence"),
    [
        ([[0, 1]], [[1.0]], r"must both be \(L, S\)"),
        ([[0, -1]], [[0.5, 0.5]], "-1 in the whole row"),
        ([[0, 1]], [[0.5, 0.4]], "must sum to one"),
        ([[0, -2]], [[0.5, 0.5]], "must be in"),
    ],
)
def test_bad_sets(corners, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        LandmarkSet(corners, weights)


def test_bad_names_and_corners(face):
    with pytest.raises(ValueError, match="names without dots"):
        face.with_landmarks({"a.b": LandmarkSet.of_vertices([0])})
    with pytest.raises(ValueError, match=r"landmark_sets\['far'\] must be in \[0, 9409\), got 9409"):
        face.with_landmarks({"far": LandmarkSet.of_vertices([9409])})
