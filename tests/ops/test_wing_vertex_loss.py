import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.wing_vertex_loss.default


def arguments(batch=2, vertices=7, coefficients=3, error=0.5, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    mean, basis = draw(vertices, 3), draw(vertices, 3, coefficients)
    target_coeffs, target_pose = draw(batch, coefficients), 3 * draw(batch, 3, 4)
    coeffs, pose = target_coeffs + error * draw(batch, coefficients), target_pose + error * draw(batch, 3, 4)
    tensors = [x.to(dtype) for x in (mean, basis, coeffs, pose, target_coeffs, target_pose)]
    tensors[2].requires_grad_(), tensors[3].requires_grad_()
    return tensors


@pytest.mark.parametrize("kind", ["wing", "l1", "smooth_l1", "l2"])
@pytest.mark.parametrize("weighted", [False, True])
def test_contract(kind, weighted):
    weights = torch.linspace(0, 2, 7) if weighted else None
    args = (*arguments(batch=6), 1.5, 0.5, weights, None, kind)
    schema_args = (*args[:10], ["wing", "l1", "smooth_l1", "l2"].index(kind), True)
    check_op(ops.wing_vertex_loss, reference.wing_vertex_loss, args, opcheck=(op, schema_args), scale=1e2)


def test_no_gradients_wanted():
    args = [x.detach() for x in arguments()]
    check_op(ops.wing_vertex_loss, reference.wing_vertex_loss, args, opcheck=(op, (*args, 10, 2, None, None, 0, False)))


@pytest.mark.parametrize("batch, vertices, coefficients", [(1, 300, 9), (4, 1000, 17), (5, 17_000, 33), (3, 33_000, 1)])
def test_groups_and_slabs(batch, vertices, coefficients):
    args = arguments(batch, vertices, coefficients, dtype=torch.float64)
    check_op(
        ops.wing_vertex_loss, reference.wing_vertex_loss, args, dtypes=[torch.float64], gradcheck=False, compile=False,
        scale=1e6,
    )  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
def test_indices(weighted):
    picked = torch.tensor([6, 0, 6, 3])  # a vertex may count twice
    weights = torch.tensor([1.0, 0.0, 2.0, 0.5]) if weighted else None
    args = (*arguments(), 1.5, 0.5, weights, picked, "wing")
    check_op(ops.wing_vertex_loss, reference.wing_vertex_loss, args, opcheck=(op, (*args[:10], 0, True)), scale=10)


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


@pytest.mark.parametrize("batch, vertices, coefficients", [(0, 7, 3), (2, 0, 3), (2, 7, 0)])
def test_empty(batch, vertices, coefficients):
    args = arguments(batch, vertices, coefficients)
    loss = ops.wing_vertex_loss(*args)
    torch.testing.assert_close(loss, reference.wing_vertex_loss(*args), rtol=1e-5, atol=1e-5)
    expected = torch.autograd.grad(reference.wing_vertex_loss(*args).sum(), args[2:4], allow_unused=True)
    grads = torch.autograd.grad(loss.sum(), args[2:4])
    assert grads[0].shape == (batch, coefficients)
    torch.testing.assert_close(grads[1], expected[1], rtol=1e-5, atol=1e-4)


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
        op(*args, 10.0, 2.0, None, None, 0, True)
    allocated = sum(max(0, event.self_cpu_memory_usage) for event in profile.events())
    assert allocated < 64 * 20_000 * 3 * 4 / 10


def test_bad_input_is_one_sentence():
    mean, basis, coeffs, pose, target_coeffs, target_pose = arguments()

    def fails(message, error=RuntimeError, **changes):
        named = dict(mean=mean, basis=basis, coeffs=coeffs, pose=pose)
        named |= dict(target_coeffs=target_coeffs, target_pose=target_pose)
        with pytest.raises(error, match="wing_vertex_loss: " + message):
            ops.wing_vertex_loss(**{**named, **changes})

    fails(r"basis must be \(N, 3, K\) = \(7, 3, \*\), got \(6, 3, 3\)", basis=basis[:6])
    fails(r"coeffs must be \(B, K\) = \(\*, 3\), got \(2, 4\)", coeffs=torch.rand(2, 4))
    fails(r"target_pose must be \(B, 3, 4\) = \(2, 3, 4\), got \(1, 3, 4\)", target_pose=target_pose[:1])
    fails(r"weights must be \(N,\) = \(7,\), got \(3,\)", weights=torch.ones(3))
    fails("weights must not be negative", weights=-torch.ones(7))
    fails("weights must not be negative", weights=torch.full((7,), float("nan")))
    fails("weights are all zero", weights=torch.zeros(7))
    fails(r"indices must lie in \[0, 7\), got 7 at position 1", indices=torch.tensor([0, 7]))
    fails("indices must be int64", indices=torch.tensor([0.0]))
    fails("w must be positive", w=0)
    fails("epsilon must be positive", epsilon=-1)
    fails("kind must be one of wing, l1, smooth_l1, l2, got 'huber'", ValueError, kind="huber")
    fails("target_coeffs counts as a constant", ValueError, target_coeffs=torch.rand(2, 3, requires_grad=True))
    fails("tensors must be on one device", target_pose=target_pose.to("meta"))
