from copy import deepcopy

import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.ops import reference


def small_model(vertices=9, identity=4, expression=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=dtype)  # noqa: E731
    triangles = torch.tensor([[0, 1, 2]])
    offset = torch.tensor([20.0, -3.0, 5.0], dtype=dtype)
    return MorphableModel(
        draw(vertices, 3) + offset, draw(vertices, 3, identity), draw(vertices, 3, expression), triangles
    )


def faces(batch, coefficients, error=0.5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(4)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=dtype)  # noqa: E731
    target_coeffs, target_pose = draw(batch, coefficients), draw(batch, 3, 4)
    coeffs, pose = target_coeffs + error * draw(batch, coefficients), target_pose + error * draw(batch, 3, 4)
    return [x.requires_grad_() for x in (coeffs, pose, target_coeffs, target_pose)]


def in_both_dtypes(gram):
    return {torch.float64: gram, torch.float32: deepcopy(gram).float()}


def test_landmark_subset():
    model, args = small_model(), faces(3, 6)
    picked = torch.tensor([7, 0, 7, 3])  # a vertex may count twice
    closed = ops.vertex_distance(model.gram(indices=picked), *args)
    torch.testing.assert_close(closed, reference.vertex_distance(model.mean[picked], model.basis[picked], *args))


@pytest.mark.parametrize("error, bound", [(1.0, 1e-12), (1e-3, 1e-12)])
def test_exact_in_float64(error, bound):
    model = MorphableModel.default().double()
    coeffs, pose, target_coeffs, target_pose = faces(16, model.n_coeffs, error)
    args = [x.detach() for x in (coeffs, 10 * pose, target_coeffs, 10 * target_pose)]
    closed, dense = ops.vertex_distance(model.gram(), *args), reference.vertex_distance(model.mean, model.basis, *args)
    assert ((closed - dense) / dense).abs().max() < bound


@pytest.mark.parametrize("error", [1.0, 1e-1, 1e-3])
def test_accurate_in_float32_near_convergence(error):
    model = MorphableModel.default()
    args = [x.detach().float() for x in faces(64, model.n_coeffs, error)]
    wide = [x.double() for x in args]
    exact = reference.vertex_distance(model.mean.double(), model.basis.double(), *wide)
    closed = ops.vertex_distance(model.gram(), *args)
    assert ((closed.double() - exact) / exact).abs().max() < 1e-6


def test_equal_faces_have_zero_distance_and_gradient():
    model, (coeffs, pose, *_) = small_model(), faces(3, 6)
    same = coeffs.detach().clone(), pose.detach().clone()
    distance = ops.vertex_distance(model.gram(), coeffs, pose, *same)
    grads = torch.autograd.grad(distance.sum(), (coeffs, pose))
    assert not distance.any() and not grads[0].any() and not grads[1].any()


def test_nan_stays_in_its_face():
    model, (coeffs, *others) = small_model(), faces(6, 6)
    broken = coeffs.detach().clone()
    broken[2, 1] = float("nan")
    distance = ops.vertex_distance(model.gram(), broken, *others)
    assert distance.isnan().nonzero().flatten().tolist() == [2]


def test_bad_input_is_one_sentence():
    model, (coeffs, pose, target, target_pose) = small_model(), faces(3, 6)
    gram = model.gram()
    with pytest.raises(RuntimeError, match=r"gram must be \(19, 19\) for 5 coefficients, got \(22, 22\); build it"):
        ops.vertex_distance(gram, coeffs[:, :5], pose, target[:, :5], target_pose)
    with pytest.raises(RuntimeError, match=r"target_coeffs must be \(B, K\) = \(3, 6\), got \(2, 6\)"):
        ops.vertex_distance(gram, coeffs, pose, target[:2], target_pose)
    with pytest.raises(TypeError, match="both be given or both be None"):
        ops.vertex_distance(gram, coeffs, pose, target, None)
    with pytest.raises(TypeError, match="gram must come from model.gram"):
        ops.vertex_distance(gram.posed, coeffs, pose, target, target_pose)
    with pytest.raises(RuntimeError, match="tensors must be on one device"):
        ops.vertex_distance(gram, coeffs, pose, target.to("meta"), target_pose)
