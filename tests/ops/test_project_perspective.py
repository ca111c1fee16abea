import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.camera import PinholeCamera, angles_to_rotation

CAMERA = PinholeCamera(640, 480, (600.0, 630.0), (300.0, 250.0))


def arguments(batch=2, vertices=50):
    """Points of unit size four units before the camera."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(batch, vertices, 3, generator=generator, dtype=torch.float64) - 0.5
    turns = angles_to_rotation(torch.tensor([[0.1, 0.4, -0.2], [-0.3, 0.2, 0.5]], dtype=torch.float64))
    shift = torch.tensor([[0.2, -0.1, 4.0], [0.0, 0.3, 3.0]], dtype=torch.float64)
    pose = torch.cat([turns, shift[..., None]], 2)
    return points, pose, torch.from_numpy(CAMERA.matrix).expand(batch, 3, 3)


def test_opencv_projects_the_same_pixels():
    cv2 = pytest.importorskip("cv2")
    points, pose, intrinsics = arguments()
    out = ops.project_perspective(points, pose, intrinsics)
    for face, matrix, found in zip(points.numpy(), pose.numpy(), out.numpy(), strict=True):
        turn = cv2.Rodrigues(matrix[:, :3])[0]
        expected = cv2.projectPoints(face, turn, matrix[:, 3], CAMERA.matrix, None)[0][:, 0]
        np.testing.assert_allclose(found[:, :2], expected, atol=1e-9)
        np.testing.assert_allclose(1 / found[:, 2], face @ matrix[2, :3] + matrix[2, 3], rtol=1e-12)


def test_float32_is_within_a_thousandth_of_a_pixel():
    args = arguments()
    exact, single = ops.project_perspective(*args), ops.project_perspective(*(a.float() for a in args))
    assert (single[..., :2] - exact[..., :2]).abs().max() < 1e-3


def test_far_away_it_is_weak_perspective():
    points, pose, intrinsics = arguments()
    far = 1e6
    pose, zoomed = pose.clone(), intrinsics.clone()
    pose[:, :2, 3], pose[:, 2, 3] = 0, far
    zoomed[:, :2, :2] *= far
    weak = torch.cat([intrinsics[:, :2, :2] @ pose[:, :2, :3], intrinsics[:, :2, 2:]], 2)
    seen = ops.project_perspective(points, pose, zoomed)[..., :2]
    torch.testing.assert_close(seen, ops.project_weak_perspective(points, weak), atol=1e-3, rtol=0)


def test_the_nearer_surface_is_seen():
    """Depths of a picture taken through the camera are those of the rays, everywhere between the vertices."""
    model = MorphableModel.default()
    vertices = model.mean[None].double()
    pose = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 40.0]], dtype=torch.float64)[None]
    camera = torch.from_numpy(PinholeCamera.guess(160, 160).matrix)[None]
    seen = ops.project_perspective(vertices, pose, camera)
    ids, barycentrics, depth = ops.rasterize(seen, model.triangles, 160, 160)
    shown = ids[0] >= 0
    corners = (vertices @ pose[:, :, :3].mT + pose[:, None, :, 3])[0][model.triangles[ids[0][shown]]]  # (P, 3, 3)
    v, u = shown.nonzero(as_tuple=True)
    rays = torch.stack([u, v, torch.ones_like(u)], 1).double() @ camera[0].inverse().T  # z = 1
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = (corners[:, 0] * normal).sum(1) / (rays * normal).sum(1)
    assert shown.sum() > 3000
    assert (away.median() - 1 / depth[0][shown].median()).abs() < 0.05
    assert ((1 / depth[0][shown] / away - 1).abs() < 1e-4).double().mean() > 0.999


def test_nan_stays_in_its_face():
    points, pose, intrinsics = arguments()
    points[0, 0, 0] = torch.nan
    out = ops.project_perspective(points, pose, intrinsics)
    assert out[0, 0].isnan().all() and not out[0, 1:].isnan().any() and not out[1].isnan().any()
