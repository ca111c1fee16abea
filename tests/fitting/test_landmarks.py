import numpy as np
import pytest
import torch

from pyface3d import fit_landmarks
from pyface3d.camera import ParameterSpace, angles_to_rotation, compose_pose, flip_y, image_to_crop, pose_to_angles
from pyface3d.fitting import contour_candidates, fit_pose
from pyface3d.fitting.contour import JAW, march
from pyface3d.methods import read_whitening


def faces(model, count=32, seed=0):
    """Known coefficients and poses, and their landmarks in pixels of a 120 crop."""
    generator = torch.Generator().manual_seed(seed)
    coeffs = torch.randn(count, model.n_coeffs, generator=generator) * model.std
    angles = (torch.rand(count, 3, generator=generator) - 0.5) * torch.tensor([0.8, 2.4, 0.8])
    offset = torch.cat([55 + 10 * torch.rand(count, 2, generator=generator), torch.zeros(count, 1)], 1)
    pose = compose_pose(4 + 2 * torch.rand(count, generator=generator), angles_to_rotation(angles), offset)
    points = flip_y(model.landmarks68(coeffs, pose), 120, "face3d")[..., :2]
    return coeffs, pose, points


def test_pose_of_a_known_shape_is_exact():
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(20, 12, 3, generator=generator, dtype=torch.float64)
    angles = (torch.rand(20, 3, generator=generator, dtype=torch.float64) - 0.5) * 2.5
    pose = compose_pose(torch.full((20,), 3.0).double(), angles_to_rotation(angles), torch.ones(20, 3).double())
    points = (shape @ pose[..., :3].mT + pose[:, None, :, 3])[..., :2]
    weights = torch.rand(20, 12, generator=generator, dtype=torch.float64)
    weights[:, 0] = 0
    points[:, 0] = 1e6  # an outlier of weight zero
    found = fit_pose(shape, points, weights, ridge=0.0)
    torch.testing.assert_close(pose_to_angles(found), angles)
    assert torch.equal(found[:, 2, 3], torch.zeros(20).double())
    project = shape @ found[:, :2, :3].mT + found[:, None, :2, 3]
    assert (project - points)[:, 1:].abs().max() < 1e-9


def test_ridge_biases_little_and_saves_flat_shapes():
    generator = torch.Generator().manual_seed(1)
    shape = torch.randn(20, 12, 3, generator=generator, dtype=torch.float64)
    exact, ridged = (fit_pose(shape, 3 * shape[..., :2], ridge=ridge) for ridge in (0.0, 1e-3))
    torch.testing.assert_close(exact, ridged, atol=0.02, rtol=0)
    flat = shape * torch.tensor([1.0, 1.0, 0.0])
    found = fit_pose(flat, 3 * flat[..., :2])
    assert (flat @ found[:, :2, :3].mT + found[:, None, :2, 3] - 3 * flat[..., :2]).abs().max() < 0.05


def test_scale_and_shift_are_the_nearest_of_their_rotation():
    generator = torch.Generator().manual_seed(2)
    shape = torch.randn(20, 12, 3, generator=generator, dtype=torch.float64)
    points = 3 * shape[..., :2] + 0.5 * torch.randn(20, 12, 2, generator=generator, dtype=torch.float64)
    weights = torch.rand(20, 12, generator=generator, dtype=torch.float64)
    pose = fit_pose(shape, points, weights)
    image = (shape @ pose[..., :3].mT + pose[:, None, :, 3])[..., :2]
    rest = (points - image) * weights[..., None]
    middle = (weights[..., None] * image).sum(1, keepdim=True) / weights.sum(1)[:, None, None]
    assert (rest * (image - middle)).sum((1, 2)).abs().max() < 1e-9  # derivatives by scale and shift
    assert rest.sum(1).abs().max() < 1e-9


def test_a_few_turns_are_enough(model):
    coeffs, _, points = faces(model, 64)
    points = points + 0.5 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    few, many = (fit_landmarks(points, model, iterations=turns) for turns in (5, 100))
    torch.testing.assert_close(few.coeffs / model.std, many.coeffs / model.std, atol=0.02, rtol=0)

    def size(coeffs):
        shape = model.synthesize(coeffs)
        return (shape - shape.mean(1, keepdim=True)).norm(dim=2).mean(1)

    assert (size(many.coeffs) / size(coeffs) - 1).mean().abs() < 0.04  # what no picture shows does not run away


def test_68_points_are_met(model):
    coeffs, pose, points = faces(model)
    fit = fit_landmarks(points, model, noise=0.003)
    assert fit.error.mean() < 0.1 and fit.error.max() < 0.2  # pixels of a 120 crop
    degrees = torch.rad2deg(pose_to_angles(fit.pose) - pose_to_angles(pose)).abs()
    assert degrees.median() < 0.5 and degrees.max() < 3
    posed = flip_y(model.landmarks68(fit.coeffs, fit.pose), 120, "face3d")[..., :2]
    torch.testing.assert_close(posed, fit.landmarks, atol=1e-2, rtol=0)


def test_params_are_pose_and_coeffs_of_the_space(model):
    _, _, points = faces(model, 4)
    space = ParameterSpace(std=torch.cat([torch.ones(12), model.std]), size=120, flip="3ddfa_v2")
    fit = fit_landmarks(points, model, space)
    pose, coeffs = space.split(fit.params)
    assert torch.equal(pose, fit.pose) and torch.equal(coeffs, fit.coeffs)
    posed = flip_y(model.landmarks68(coeffs, pose), 120, "3ddfa_v2")[..., :2]
    torch.testing.assert_close(posed, fit.landmarks, atol=1e-2, rtol=0)


def test_noise_pulls_towards_the_mean(model):
    _, _, points = faces(model)
    sure, unsure = (fit_landmarks(points, model, noise=noise) for noise in (0.003, 0.3))
    assert (unsure.coeffs / model.std).norm() < 0.3 * (sure.coeffs / model.std).norm()
    assert unsure.error.mean() > 2 * sure.error.mean()


def test_prior_mean_of_the_space(model):
    _, _, points = faces(model, 4)
    mean = torch.cat([torch.zeros(12), 0.5 * model.std])
    space = ParameterSpace(mean, torch.cat([torch.ones(12), model.std]), flip="face3d")
    fit = fit_landmarks(points, model, space, noise=100.0)  # landmarks count for nothing: only the prior is left
    torch.testing.assert_close(fit.coeffs, mean[12:].expand(4, -1), atol=1e-3, rtol=1e-2)


def test_hidden_points_count_for_nothing(model):
    _, _, points = faces(model)
    visible = torch.ones(32, 68, dtype=torch.bool)
    visible[:, ::5] = False
    spoiled = points.clone()
    spoiled[:, ::5] = torch.nan
    moved = points.clone()
    moved[:, ::5] += 50
    expected = fit_landmarks(points, model, visible=visible)
    for fit in (fit_landmarks(spoiled, model), fit_landmarks(moved, model, visible=visible)):
        torch.testing.assert_close(fit.params, expected.params, atol=1e-4, rtol=1e-3)


def test_21_points_with_visibility(model):
    coeffs, pose, _ = faces(model)
    points = flip_y(model.landmark_points(coeffs, pose, "aflw21"), 120)[..., :2]
    visible = torch.ones(32, 21, dtype=torch.bool)
    visible[:, [0, 5, 8]] = False
    fit = fit_landmarks(points, model, visible=visible, noise=0.01)
    degrees = torch.rad2deg(pose_to_angles(fit.pose) - pose_to_angles(pose)).abs()
    assert fit.error.mean() < 0.6 and degrees[:, 1].median() < 5
    found = flip_y(model.landmark_points(fit.coeffs, fit.pose, "aflw21"), 120)[..., :2]
    torch.testing.assert_close(found, fit.landmarks, atol=1e-2, rtol=0)


def test_81_points(model):
    coeffs, pose, _ = faces(model)
    points = flip_y(model.landmark_points(coeffs, pose, "ibug81"), 120)[..., :2]
    assert fit_landmarks(points, model).error.mean() < 0.6


def test_double_precision_agrees(model):
    _, _, points = faces(model, 8)
    single, double = fit_landmarks(points, model), fit_landmarks(points.double(), model)
    assert double.params.dtype == torch.float64
    torch.testing.assert_close(single.params.double(), double.params, atol=1e-3, rtol=1e-2)


def test_batches_do_not_matter(model):
    _, _, points = faces(model, 300)
    together = fit_landmarks(points, model)
    torch.testing.assert_close(fit_landmarks(points[290:], model).params, together.params[290:], atol=1e-4, rtol=1e-3)
    assert fit_landmarks(points[:0], model).params.shape == (0, 62)


def test_too_few_points_give_nan_and_spare_the_others(model):
    _, _, points = faces(model, 3)
    visible = torch.ones(3, 68, dtype=torch.bool)
    visible[1, 3:] = False
    fit = fit_landmarks(points, model, visible=visible)
    assert fit.params[1].isnan().all() and fit.error[1].isnan()
    torch.testing.assert_close(fit.params[[0, 2]], fit_landmarks(points[[0, 2]], model).params, atol=1e-4, rtol=1e-3)


def test_contour_candidates_start_at_the_landmark_and_stay_on_its_side(model):
    candidates = contour_candidates(model)
    assert torch.equal(candidates[:, 0], model.landmarks[list(JAW)])
    position = model.mean[candidates]
    side = position[:, :1, 0].sign()
    assert ((position[..., 0] - model.mean[model.landmarks][:17, 0].mean()) * side > 0).all()
    assert (position[..., 1] - position[:, :1, 1]).abs().max() < 1.0  # cm


def test_contour_follows_the_silhouette(model):
    coeffs, pose, points = faces(model, 64, seed=3)
    candidates = contour_candidates(model)
    posed = flip_y(model.synthesize(coeffs, pose, candidates.flatten()), 120)[..., :2].unflatten(1, candidates.shape)
    up = torch.cat([posed[..., :1], 119 - posed[..., 1:]], -1)
    choice = march(up, pose)
    seen = points.clone()
    seen[:, list(JAW)] = posed.gather(2, choice[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]
    with_contour, without = (fit_landmarks(seen, model, contour=on) for on in (True, False))

    def yaw_error(fit):
        return torch.rad2deg(pose_to_angles(fit.pose) - pose_to_angles(pose))[:, 1].abs().mean()

    assert (choice > 0).any() and with_contour.error.mean() < without.error.mean()
    assert yaw_error(with_contour) < yaw_error(without)


def test_keypoint_basis_of_3ddfa_fits_real_labels(data_folder, keypoint_model):
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    space = read_whitening(data_folder / "tddfa" / "keypoint_basis.npz", "v1")
    roi = torch.from_numpy(dev["roi_box"])
    yaw = torch.from_numpy(dev["yaw_fitted"])
    points = image_to_crop(torch.from_numpy(dev["pts68"]).mT, roi)[..., :2]
    fit = fit_landmarks(points, keypoint_model, space)
    found = torch.rad2deg(pose_to_angles(fit.pose))[:, 1]
    regular = yaw.abs() < 90
    assert (found.abs() - yaw.abs())[regular].abs().mean() < 1.0
    box = (points.amax(1) - points.amin(1)).prod(1).sqrt()
    assert (fit.error / box).mean() < 0.01


def test_errors(model):
    with pytest.raises(ValueError, match="no convention of 7 points is known, only of 5, 13, 19"):
        fit_landmarks(torch.zeros(1, 7, 2), model)
    with pytest.raises(ValueError, match=r"points must be \(B, 21, 2\), got \(1, 68, 2\)"):
        fit_landmarks(torch.zeros(1, 68, 2), model, landmarks="aflw21")
    with pytest.raises(ValueError, match="contour needs 68 or 81"):
        fit_landmarks(torch.zeros(1, 21, 2), model, contour=True)
    with pytest.raises(ValueError, match="space has 60 coefficients and the model 50"):
        fit_landmarks(torch.zeros(1, 68, 2), model, ParameterSpace.of_length(72))
    with pytest.raises(ValueError, match="fit_pose: shape must be"):
        fit_pose(torch.zeros(1, 5, 3), torch.zeros(1, 4, 2))
    with pytest.raises(TypeError, match="points must be a Tensor, got ndarray"):
        fit_landmarks(np.zeros((1, 68, 2)), model)
    with pytest.raises(ValueError, match=r"visible must be \(2, 68\), got \(3, 5\)"):
        fit_landmarks(torch.rand(2, 68, 2), model, visible=torch.ones(3, 5))
    for wrong in ({"noise": -1.0}, {"noise": float("nan")}, {"iterations": 0}):
        with pytest.raises(ValueError, match="noise must be finite and at least 0, iterations at least 1"):
            fit_landmarks(torch.rand(2, 68, 2), model, **wrong)
