import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pyface3d.evaluation.icp import icp, procrustes
from pyface3d.evaluation.reconstruction import ReconstructionError
from pyface3d.evaluation.surface import point_to_mesh, point_to_plane


@pytest.fixture
def cloud():
    return np.random.default_rng(0).normal(size=(400, 3)) * [3.0, 2.0, 1.0]


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_procrustes_finds_the_motion(cloud, factor):
    rotation = Rotation.from_euler("xyz", [0.5, -1.0, 2.0]).as_matrix()
    target = factor * cloud @ rotation.T + [1.0, 2.0, 3.0]
    found = procrustes(cloud, target, scale=factor != 1)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    assert found.scale == pytest.approx(factor)
    np.testing.assert_allclose(found(cloud), target, atol=1e-9)


def test_procrustes_does_not_mirror(cloud):
    found = procrustes(cloud, cloud * [-1, 1, 1], scale=True)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert np.abs(found(cloud) - cloud * [-1, 1, 1]).max() > 0.1


def test_rigid_procrustes_keeps_the_scale(cloud):
    assert procrustes(cloud, 2 * cloud).scale == 1


def test_icp_undoes_a_small_motion_without_correspondence(cloud):
    rotation = Rotation.from_euler("xyz", [0.05, -0.04, 0.06]).as_matrix()
    moved = np.random.default_rng(1).permutation(cloud @ rotation.T + 0.05)
    found = icp(cloud, moved, tolerance=0)
    np.testing.assert_allclose(found.motion.rotation, rotation, atol=1e-8)
    assert found.errors[-1] < 1e-8 < found.errors[0]
    scaled = icp(cloud, 1.03 * moved, scale=True, tolerance=0)
    assert scaled.motion.scale == pytest.approx(1.03, abs=1e-6)


def test_absolute_stop(cloud):
    long = icp(cloud, cloud + 0.2, tolerance=0)
    assert len(icp(cloud, cloud + 0.2, tolerance=0, absolute=1.0).errors) == 2 < len(long.errors)


TRIANGLE = np.array([[0.0, 0, 0], [4, 0, 0], [0, 3, 0]])


@pytest.mark.parametrize(
    ("point", "distance"),
    [
        ([1, 1, 2], 2.0),  # above the face
        ([1, 1, 0], 0.0),
        ([2, -5, 0], 5.0),  # beside an edge
        ([-3, -4, 12], 13.0),  # beyond a corner
        ([4, 3, 0], 2.4),  # beside the hypotenuse: |3*4 + 4*3 - 12| / 5
    ],
)
def test_point_to_mesh_by_hand(point, distance):
    assert point_to_mesh(np.array([point], dtype=float), TRIANGLE, np.array([[0, 1, 2]]))[0] == pytest.approx(distance)


def test_point_to_mesh_ignores_loose_vertices_and_flat_triangles():
    vertices = np.vstack([TRIANGLE, [[1.0, 1.0, 2.0]], [[8.0, 0, 0]]])
    triangles = np.array([[0, 1, 2], [0, 1, 4]])  # the second has no area
    assert point_to_mesh(np.array([[1.0, 1, 2]]), vertices, triangles)[0] == pytest.approx(2)
    assert point_to_mesh(np.array([[6.0, -1, 0]]), vertices, triangles)[0] == pytest.approx(1)


def test_point_to_mesh_agrees_with_trimesh():
    trimesh = pytest.importorskip("trimesh")
    sphere = trimesh.creation.icosphere(subdivisions=3)
    points = np.random.default_rng(2).normal(size=(200, 3))
    expected = np.array(
        [
            np.linalg.norm(
                trimesh.triangles.closest_point(sphere.triangles, np.broadcast_to(p, (len(sphere.faces), 3))) - p,
                axis=1,
            ).min()
            for p in points
        ]
    )
    np.testing.assert_allclose(point_to_mesh(points, sphere.vertices, sphere.faces), expected, atol=1e-9)


def test_point_to_plane_by_hand():
    normals = np.array([[0.0, 0, 1]] * 3)
    assert point_to_plane(np.array([[0.5, 0.7, -3.0]]), TRIANGLE, normals).tolist() == [3.0]


def face_pair():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(1, 600, 3, generator=generator, dtype=torch.float64) * torch.tensor([60.0, 80.0, 40.0])
    eyes = torch.tensor([[[-30.0, 0, 0], [30.0, 0, 0]]])
    return truth, eyes


def test_rigid_motion_is_no_error():
    truth, eyes = face_pair()
    rotation = torch.from_numpy(Rotation.from_euler("xyz", [0.02, 0.03, -0.02]).as_matrix())
    moved = truth @ rotation.mT + 7
    for metric in (
        ReconstructionError(),
        ReconstructionError("icp", "box", stride=3),
        ReconstructionError("procrustes"),
    ):
        metric.update(moved, truth, eyes, yaw=torch.zeros(1))
        assert metric.compute()["mean"] < 1e-6


def test_scale_counts_unless_asked_for():
    truth, eyes = face_pair()
    for alignment in ("icp", "procrustes"):
        rigid, similar = ReconstructionError(alignment), ReconstructionError(alignment, scale=True)
        for metric in (rigid, similar):
            metric.update(1.02 * truth, truth, eyes)
        assert rigid.compute()["per_image_mean"] > 0.5
        assert similar.compute()["per_image_mean"] < 1e-3


def test_procrustes_figure_by_hand():
    truth = torch.tensor([[[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]])
    metric = ReconstructionError("procrustes")
    metric.update(1.5 * truth, truth, torch.tensor([[[0.0, 0, 0], [0, 0, 5]]]))
    assert metric.compute()["per_image_mean"] == pytest.approx(10)  # every point is 0.5 off; 0.5 / 5


def test_lengths_count_in_the_unit_of_the_truth():
    truth, eyes = face_pair()
    noisy = truth + torch.randn(truth.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    figures = []
    for factor in (1, 10):
        metric = ReconstructionError(scale=True)
        metric.update(factor * noisy, truth, eyes)
        figures.append(metric.compute()["per_image_mean"])
    assert figures[0] > 0.5 and figures[1] < 2 * figures[0]


def test_errors():
    with pytest.raises(ValueError, match="procrustes: source and target must both be"):
        procrustes(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="ReconstructionError: wants alignment"):
        ReconstructionError("icp2")
    with pytest.raises(ValueError, match="needs eyes"):
        ReconstructionError().update(torch.zeros(1, 4, 3), torch.zeros(1, 4, 3))
