import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, fit_landmarks
from pyface3d.camera import PinholeCamera, angles_to_rotation
from pyface3d.fitting import fit_perspective

CAMERA = PinholeCamera(640, 480, (600.0, 630.0), (300.0, 250.0))


@pytest.fixture(scope="module")
def close(model):
    """Twelve faces 35 cm before the camera: true matrices, coefficients and pixels of MediaPipe's points."""
    generator = torch.Generator().manual_seed(0)
    coeffs = 0.5 * model.sample(12, generator)
    rotation = angles_to_rotation(
        (torch.rand(12, 3, generator=generator) - 0.5) * torch.tensor([0.6, 1.4, 0.4])
    ).double()
    points = model.landmark_points(coeffs, None, "mediapipe478").double()
    matrices = torch.eye(4, dtype=torch.float64).repeat(12, 1, 1)
    matrices[:, :3, :3] = 0.01 * rotation
    place = torch.tensor([0.03, -0.02, -0.35]) + torch.randn(12, 3, generator=generator) * 0.02
    matrices[:, :3, 3] = place - (matrices[:, :3, :3] @ points.mean(1)[..., None])[..., 0]
    posed = points @ matrices[:, :3, :3].mT + matrices[:, None, :3, 3]
    pixels = np.stack([CAMERA.project(face.numpy()) for face in posed])
    return matrices, coeffs, torch.from_numpy(pixels).float(), posed


def test_a_face_close_to_the_camera_is_found_where_it_is(model, close):
    matrices, coeffs, pixels, posed = close
    fit = fit_perspective(pixels, model, CAMERA, noise=0.002, iterations=20)
    weak = fit_landmarks(pixels, model, noise=0.002, iterations=20, size=480)
    assert fit.error.max() < 1.0  # pixels of a face of 250
    assert (fit.error < 0.6 * weak.error).all()
    points = model.landmark_points(fit.coeffs, None, "mediapipe478").double()
    found = points @ fit.matrices[:, :3, :3].mT + fit.matrices[:, None, :3, 3]
    away, true = found.mean(1)[:, 2], posed.mean(1)[:, 2]
    sideways = (found.mean(1)[:, :2] / away[:, None] - posed.mean(1)[:, :2] / true[:, None]).abs().max()
    assert sideways < 0.005  # of the depth: what direction the face is in
    assert ((away / true - 1).abs() < 0.12).all()  # a larger head farther away looks nearly alike
    shown = np.stack([CAMERA.project(face.numpy()) for face in found])
    assert np.abs(shown - fit.landmarks.numpy()).max() < 0.3


def test_far_away_it_is_weak_perspective(model, close):
    _, coeffs, _, _ = close
    far = PinholeCamera(640, 480, (6e5, 6e5))
    points = model.landmark_points(coeffs)[..., :2] * 10
    pixels = torch.stack([points[..., 0] + 320, 240 - points[..., 1]], 2)
    weak = fit_landmarks(pixels, model, size=480)
    fit = fit_perspective(pixels, model, far, rounds=2)
    torch.testing.assert_close(fit.landmarks, weak.landmarks, atol=0.05, rtol=0)
    torch.testing.assert_close(fit.error, weak.error, atol=0.05, rtol=0)


def test_points_that_are_not_there_and_models_without_a_unit(model, close):
    _, _, pixels, _ = close
    spoiled = pixels.clone()
    spoiled[0, :100] = torch.nan
    spoiled[1] = torch.nan
    fit = fit_perspective(spoiled, model, CAMERA)
    assert fit.error[0] < 1.5 and fit.matrices[1].isnan().all() and fit.coeffs[1].isnan().all()
    nameless = MorphableModel(
        model.mean, model.identity_basis, model.expression_basis, model.triangles, landmarks=model.landmarks, unit=""
    )
    with pytest.raises(ValueError, match="unit"):
        fit_perspective(torch.rand(1, 68, 2), nameless, CAMERA)
