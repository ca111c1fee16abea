import math

import pytest
import torch

from pyface3d import MorphableModel, ParameterSpace, losses

NAMES = ["marn", "vdc", "wpdc", "pdc", "wing", "mobile_frnet"]


def parameter_losses(model, space):
    return {
        "marn": losses.MARNLoss(model, space),
        "vdc": losses.VDCLoss(model, space),
        "wpdc": losses.WPDCLoss(model, space),
        "pdc": losses.PDCLoss(space),
        "wing": losses.WingVertexLoss(model, space),
        "mobile_frnet": losses.MobileFRNetLoss(model, space),
    }


@pytest.fixture(scope="module")
def small():
    """A small model: the landmarks and some other vertices of the default one."""
    model = MorphableModel.default()
    return model.subset(torch.unique(torch.cat([model.landmarks, torch.arange(0, model.n_vertices, 50)])))


@pytest.fixture(scope="module")
def space(default):
    return default[1]


@pytest.fixture(scope="module")
def all_losses(small, space):
    return parameter_losses(small, space)


@pytest.mark.parametrize("name", NAMES)
def test_returns_a_scalar_and_detached_terms(all_losses, space, faces, name):
    loss_of, (pred, target) = all_losses[name], faces(space)
    loss, terms = loss_of(pred, target, return_terms=True)
    assert loss.shape == () and torch.equal(loss, loss_of(pred, target))
    assert not any(term.requires_grad for term in terms.values())
    torch.testing.assert_close(loss.detach(), sum(loss_of.weights[key] * term for key, term in terms.items()))


@pytest.mark.parametrize("name", ["marn", "vdc", "pdc", "wing"])  # the weights of WPDC count as constants
def test_gradcheck(space, faces, name):
    model = MorphableModel.default()
    model = model.subset(model.landmarks).double()
    space = ParameterSpace.from_dict(space.to_dict()).double()
    loss = parameter_losses(model, space)[name]
    pred, target = faces(space, batch=2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: loss(p, target), (pred,))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_and_half_predictions_use_float32(all_losses, space, faces, name, dtype):
    loss_of, (pred, target) = all_losses[name], faces(space)
    half = pred.detach().to(dtype).requires_grad_()
    expected = loss_of(half.detach().float(), target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(half, target)
    (grad,) = torch.autograd.grad(loss, half)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.detach(), expected)
    assert grad.dtype == dtype and grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_float64_predictions_on_float32_models_are_computed_in_float64(all_losses, space, faces, name):
    loss_of, (pred, target) = all_losses[name], faces(space)
    wide = pred.detach().double().requires_grad_()
    loss = loss_of(wide, target)
    (grad,) = torch.autograd.grad(loss, wide)
    assert loss.dtype == grad.dtype == torch.float64 and grad.isfinite().all()
    torch.testing.assert_close(loss.detach().float(), loss_of(pred, target).detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_compiles_as_one_graph(all_losses, space, faces, name):
    torch._dynamo.reset()
    loss_of, (pred, target) = all_losses[name], faces(space)
    compiled = torch.compile(loss_of, fullgraph=True, backend="aot_eager")
    results = [(f(pred, target), torch.autograd.grad(f(pred, target), pred)[0]) for f in (loss_of, compiled)]
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.parametrize("name", NAMES)
def test_empty_batch_is_zero_with_zero_gradient(all_losses, name):
    pred = torch.zeros(0, 62, requires_grad=True)
    loss = all_losses[name](pred, torch.zeros(0, 62))
    assert loss == 0 and torch.autograd.grad(loss, pred)[0].shape == (0, 62)


@pytest.mark.parametrize("name", NAMES)
def test_absent_samples_neither_count_nor_leak(all_losses, space, faces, name):
    loss_of, (pred, target) = all_losses[name], faces(space)
    present = torch.tensor([True, False, True, False])
    broken = torch.where(present[:, None], target, torch.tensor(math.nan))
    loss = loss_of(pred, broken, present)
    (grad,) = torch.autograd.grad(loss, pred)
    torch.testing.assert_close(loss, loss_of(pred[present], target[present]))
    assert grad.isfinite().all() and not grad[~present].any() and grad[present].any()
    nobody = loss_of(pred, broken, torch.zeros(4, dtype=torch.bool))
    assert nobody == 0 and not torch.autograd.grad(nobody, pred)[0].any()


@pytest.mark.parametrize("name", NAMES)
def test_reductions_agree(all_losses, space, faces, name):
    loss_of, (pred, target) = all_losses[name], faces(space)
    mask = torch.tensor([True, False, True, False])
    each, terms = loss_of(pred, target, mask, reduction="none", return_terms=True)
    assert each.shape == (4,) and not each[~mask].any() and all(term.shape == (4,) for term in terms.values())
    torch.testing.assert_close(each.sum(), loss_of(pred, target, mask, reduction="sum"))
    torch.testing.assert_close(each.sum() / 2, loss_of(pred, target, mask))
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'max'"):
        loss_of(pred, target, reduction="max")


@pytest.mark.parametrize("name", NAMES)
def test_check_finite_names_the_samples(small, space, faces, name):
    loss_of, (pred, target) = parameter_losses(small, space)[name], faces(space)
    with torch.no_grad():
        pred[2, 5] = math.nan
    assert not loss_of(pred, target).isfinite()
    loss_of.check_finite = True
    with pytest.raises(FloatingPointError, match=r"term \w+ is not finite for samples \[2\] of the batch"):
        loss_of(pred, target)


@pytest.mark.parametrize("name", NAMES)
def test_stays_out_of_checkpoints(all_losses, name):
    assert not all_losses[name].state_dict() and not list(all_losses[name].parameters())


@pytest.mark.parametrize("name", NAMES)
def test_bad_shapes_and_devices_are_one_sentence(all_losses, space, faces, name):
    loss_of, (pred, target) = all_losses[name], faces(space)
    with pytest.raises(ValueError, match=r"pred and target must both be \(B, 62\), got \(4, 62\) and \(3, 62\)"):
        loss_of(pred, target[:3])
    with pytest.raises(ValueError, match=r"pred and target must both be \(B, 62\), got \(4, 50\) and \(4, 50\)"):
        loss_of(pred[:, :50], target[:, :50])
    with pytest.raises(RuntimeError, match="device"):
        loss_of(pred, target.to("meta"))


def test_model_and_space_must_agree(small):
    for loss in (losses.MARNLoss, losses.VDCLoss, losses.WPDCLoss, losses.WingVertexLoss, losses.MobileFRNetLoss):
        with pytest.raises(ValueError, match=r"the space has 40 identity and 20 expression coefficients, .* use model"):
            loss(small, ParameterSpace(n_expression=20))


@pytest.mark.parametrize("weights", [(1, 1, 1, -1), (0, 0, 0, 0), (1, 1, 1), (math.inf, 1, 1, 1)])
def test_bad_term_weights(small, space, weights):
    with pytest.raises(ValueError, match="MARNLoss: weight"):
        losses.MARNLoss(small, space, weights)


def test_bad_penalty_and_vertex_weights(small, space):
    with pytest.raises(ValueError, match="w and epsilon must be positive, got 0 and 2"):
        losses.WingVertexLoss(small, space, w=0)
    with pytest.raises(ValueError, match="weights must be finite and not negative"):
        losses.VDCLoss(small, space, vertex_weights=-torch.ones(small.n_vertices))
    with pytest.raises(ValueError, match="weights are all zero"):
        losses.VDCLoss(small, space, vertex_weights=torch.zeros(small.n_vertices))


def test_wpdc_draws_from_its_generator(small, space, faces):
    pred, target = faces(space)
    values = [
        losses.WPDCLoss(small, space, 10, torch.Generator().manual_seed(seed))(pred, target) for seed in (1, 1, 2)
    ]
    assert values[0] == values[1] != values[2]


def test_depth_of_the_camera_is_free(all_losses, space, faces):
    pred, target = faces(space)
    with torch.no_grad():
        pred[:, 11] += 7
    for name in ("marn", "vdc", "wpdc", "wing"):
        (grad,) = torch.autograd.grad(all_losses[name](pred, target), pred)
        assert not grad[:, 11].any(), name


def test_step_in_distributed_data_parallel(small, space, faces, tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        torch.manual_seed(0)
        pred, target = faces(space)
        net, loss_of = torch.nn.Linear(62, 62), losses.MARNLoss(small, space)
        expected = torch.autograd.grad(loss_of(net(pred.detach()), target), net.weight)[0]
        wrapped = torch.nn.parallel.DistributedDataParallel(net)
        loss_of(wrapped(pred.detach()), target).backward()
        torch.testing.assert_close(net.weight.grad, expected)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", NAMES)
def test_parameters_fall_under_descent(all_losses, space, faces, name):
    pred, target = faces(space, batch=2, error=0.3)
    optimizer = torch.optim.Adam([pred], lr=0.02)
    start = all_losses[name](pred, target).item()
    for _ in range(150):
        optimizer.zero_grad()
        all_losses[name](pred, target).backward()
        optimizer.step()
    assert all_losses[name](pred, target).item() < start / 10
