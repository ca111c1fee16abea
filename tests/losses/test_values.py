"""The losses against a transcription of their formulas, vertex by vertex, on three models."""

import pytest
import torch

from pyface3d import losses


def posed(model, pose, coeffs, vertices=slice(None)):
    return placed(model.mean[vertices], model.basis[vertices], pose, coeffs)


def placed(mean, basis, pose, coeffs):
    shape = (mean.reshape(-1) + coeffs @ basis.flatten(0, 1).T).unflatten(1, (-1, 3))  # (B, N, 3)
    return torch.einsum("brx,bnx->bnr", pose[:, :, :3], shape) + pose[:, None, :, 3]


def landmarks(model, pose, coeffs):
    """The 68 points on the surface: means of their triangles' corners, which need not be vertices."""
    points = model.landmark_sets["300w-lp"]
    mean = (model.mean[points.corners] * points.weights.double()[..., None]).sum(1)  # (68, 3)
    basis = (model.basis[points.corners] * points.weights.double()[..., None, None]).sum(1)  # (68, 3, K)
    return placed(mean, basis, pose, coeffs)


@pytest.fixture(scope="module", params=[1.0, 1e-3], ids=["far", "near"])
def case(request, model_and_space, faces):
    model, space = model_and_space
    pred, target = faces(space, error=request.param, dtype=torch.float64)
    pose, coeffs = space.split(pred.detach() * space.std + space.mean)
    return model, space, pred.detach(), target, pose, coeffs, *space.split(target)


def assert_equal(value, expected):
    torch.testing.assert_close(value, expected, rtol=1e-8, atol=0)


def test_marn(case):
    model, space, pred, target, pose, coeffs, true_pose, true_coeffs = case
    basis, n = model.basis.flatten(0, 1), model.n_identity  # (3N, K)
    scale = 0.00057339936 * (1 if model.unit == "um" else 1e4)
    difference, image = coeffs - true_coeffs, slice(0, 2)
    dense = posed(model, pose, true_coeffs) - posed(model, true_pose, true_coeffs)
    sparse = landmarks(model, pose, coeffs) - landmarks(model, true_pose, true_coeffs)
    expected = {
        "identity": scale**2 * (difference[:, :n] @ basis[:, :n].T).square().sum(1) / model.n_vertices,
        "expression": scale**2 * (difference[:, n:] @ basis[:, n:].T).square().sum(1) / model.n_vertices,
        "pose": dense[..., image].square().sum((1, 2)) / model.n_vertices,
        "landmarks": sparse[..., image].square().sum((1, 2)) / 68,
    }
    loss, terms = losses.MARNLoss(model, space, (1, 2, 3, 4), calibrated=False)(pred, target, return_terms=True)
    for name, values in expected.items():
        assert_equal(terms[name], values.mean())
    assert_equal(loss, sum(factor * values.mean() for factor, values in zip((1, 2, 3, 4), expected.values())))


def test_vdc(case):
    model, space, pred, target, pose, coeffs, true_pose, true_coeffs = case
    pose = pose.clone()
    pose[:, 2, 3] = true_pose[:, 2, 3]
    error = posed(model, pose, coeffs) - posed(model, true_pose, true_coeffs)
    assert_equal(losses.VDCLoss(model, space)(pred, target), error.square().mean())


def test_wing_vertices(case):
    model, space, pred, target, pose, coeffs, true_pose, true_coeffs = case
    pose = pose.clone()
    pose[:, 2, 3] = true_pose[:, 2, 3]
    x = (posed(model, pose, coeffs) - posed(model, true_pose, true_coeffs)).abs()
    c = 10 - 10 * torch.log(torch.tensor(1 + 10 / 2, dtype=torch.float64))
    expected = torch.where(x < 10, 10 * torch.log1p(x / 2), x - c).mean()
    assert_equal(losses.WingVertexLoss(model, space)(pred, target), expected)


def wpdc_of_sample(model, p, g, std, vertices):
    """One sample of 3DDFA's weighted parameter distance cost, written out."""
    mean, basis = model.mean[vertices], model.basis[vertices]
    coeffs, scale = g[12:], 0.00057339936 * (1 if model.unit == "um" else 1e4)
    shape = mean + (basis * coeffs).sum(2)
    w = torch.zeros(len(p), dtype=torch.float64)
    for i in range(len(p)):
        delta = (p[i] - g[i]).abs()
        if i < 12:
            w[i] = delta * (len(mean) ** 0.5 if i % 4 == 3 else shape[:, i % 4].norm())
        else:
            w[i] = scale * delta * basis[..., i - 12].norm()
    w = w + 1e-6
    w[11] = 0
    return (w / w.max() * ((p - g) / std).square()).mean()


@pytest.mark.parametrize("resample", [None, 20])
def test_wpdc(case, resample):
    model, space, pred, target, *_ = case
    params = pred * space.std + space.mean
    vertices = slice(None)
    if resample:
        drawn = torch.randint(model.n_vertices, (resample,), generator=torch.Generator().manual_seed(1))
        vertices = torch.cat([model.landmarks, drawn])
    expected = torch.stack([wpdc_of_sample(model, p, g, space.std, vertices) for p, g in zip(params, target)]).mean()
    assert_equal(losses.WPDCLoss(model, space, resample, torch.Generator().manual_seed(1))(pred, target), expected)


def test_pdc(case):
    _, space, pred, target, *_ = case
    assert_equal(losses.PDCLoss(space)(pred, target), (pred - (target - space.mean) / space.std).square().mean())


def test_mobile_frnet(case):
    model, space, pred, target, *_ = case
    wpdc, wing = losses.WPDCLoss(model, space)(pred, target), losses.WingVertexLoss(model, space)(pred, target)
    loss, terms = losses.MobileFRNetLoss(model, space, (2.0, 0.5))(pred, target, return_terms=True)
    assert_equal(loss, 2 * wpdc + 0.5 * wing)
    assert torch.equal(terms["wpdc"], wpdc) and torch.equal(terms["wing"], wing)


def test_marn_calibration_is_the_expectation(model_and_space):
    model, space = model_and_space
    generator = torch.Generator().manual_seed(2)
    pred = torch.randn(20_000, space.n_params, generator=generator, dtype=torch.float64)
    _, terms = losses.MARNLoss(model, space)(pred, space.mean.expand_as(pred), return_terms=True)
    for name, value in terms.items():
        assert abs(value - 1) < 0.03, (name, value)
