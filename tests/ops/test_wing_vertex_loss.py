import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.ops import reference


def arguments(batch=2, vertices=7, coefficients=3, error=0.5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    mean, basis = draw(vertices, 3), draw(vertices, 3, coefficients)
    target_coeffs, target_pose = draw(batch, coefficients), 3 * draw(batch, 3, 4)
    coeffs, pose = target_coeffs + error * draw(batch, coefficients), target_pose + error * draw(batch, 3, 4)
    tensors = [x.to(dtype) for x in (mean, basis, coeffs, pose, target_coeffs, target_pose)]
    tensors[2].requires_grad_(), tensors[3].requires_grad_()
    return tensors


@pytest.mark.parametrize("error", [1.0, 1e-3, 1e-5])
def test_float32_is_accurate_near_convergence(error):
    model = MorphableModel.default()
    _, _, *parameters = arguments(6, 1, model.n_coeffs, error)
    wide = [x.detach().double() for x in parameters]
    exact = reference.wing_vertex_loss(model.mean.double(), model.basis.double(), *wide)
    loss = ops.wing_vertex_loss(model.mean, model.basis, *parameters)
    assert ((loss.double() - exact) / exact).abs().max() < 2e-6


def test_l2_equals_the_closed_form():
    model = MorphableModel.default().double()
    _, _, *parameters = arguments(5, 1, model.n_coeffs, dtype=torch.float64)
    swept = ops.wing_vertex_loss(model.mean, model.basis, *parameters, kind="l2")
    torch.testing.assert_close(swept, ops.vertex_distance(model.gram(), *parameters), rtol=1e-11, atol=0)


def test_equal_faces_have_zero_loss_and_gradient():
    mean, basis, coeffs, pose, *_ = arguments()
    loss = ops.wing_vertex_loss(mean, basis, coeffs, pose, coeffs.detach().clone(), pose.detach().clone())
    grads = torch.autograd.grad(loss.sum(), (coeffs, pose))
    assert not loss.any() and not grads[0].any() and not grads[1].any()


def test_nan_stays_in_its_face():
    args = arguments(batch=6)
    with torch.no_grad():
        args[2][1, 0] = float("nan")
    loss = ops.wing_vertex_loss(*args)
    grads = torch.autograd.grad(loss.sum(), args[2:4])
    broken = torch.arange(6) == 1
    assert torch.equal(loss.isnan(), broken) and torch.equal(grads[0].isnan().any(1), broken)


def test_memory_does_not_grow_with_the_batch():
    """The workspace of B = 64 is 64 faces' sums, far from the (B, N, 3) that a dense loss writes several times."""
    args = [x.detach() for x in arguments(64, 20_000, 4)]
    with torch.profiler.profile(profile_memory=True) as profile:
        torch.ops.pyface3d.wing_vertex_loss.default(*args, 10.0, 2.0, None, None, 0, True)
    allocated = sum(max(0, event.self_cpu_memory_usage) for event in profile.events())
    assert allocated < 64 * 20_000 * 3 * 4 / 10
