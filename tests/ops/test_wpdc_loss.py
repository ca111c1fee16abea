import pytest
import torch

from pyface3d import MorphableModel, ParameterSpace, ops
from pyface3d.ops import reference


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default().subset(torch.arange(0, 9409, 40)).double()


@pytest.fixture(scope="module")
def space(model):
    generator = torch.Generator().manual_seed(6)
    mean = torch.cat([torch.tensor([5.0, 0, 0, 60, 0, 5, 0, 60, 0, 0, 5, 0]), torch.zeros(50)])
    std = torch.cat([torch.tensor([1.5, 0.8, 2.5, 10, 1, 0.8, 1, 10, 2.5, 1, 1.5, 10]), model.std.float()])
    return ParameterSpace(mean + 0.1 * torch.randn(62, generator=generator), std).double()


def params(batch=3, width=62):
    generator = torch.Generator().manual_seed(7)
    draw = lambda: torch.randn(batch, width, generator=generator, dtype=torch.float64).requires_grad_()  # noqa: E731
    return draw(), draw()


def test_gradcheck_with_the_weights_held(model, space):
    pred, target = params()
    weights = ops.wpdc_weights(pred, target, space, model)
    held = lambda p, g: (weights * (p - g).square()).mean(1)  # noqa: E731
    assert torch.autograd.gradcheck(held, (pred, target))
    loss = ops.wpdc_loss(pred, target, space, model)
    grads = torch.autograd.grad(loss.sum(), (pred, target), create_graph=True)
    expected = torch.autograd.grad(held(pred, target).sum(), (pred, target))
    torch.testing.assert_close(grads, expected)
    with pytest.raises(RuntimeError, match="double backward"):
        torch.autograd.grad(grads[0].sum(), pred)


def test_weights_are_the_published_ones(model, space):
    pred, target = params()
    weights = ops.wpdc_weights(pred, target, space, model)
    expected = reference.wpdc_weights(pred, target, space.mean, space.std, model.mean, model.basis, 5.7339936)
    torch.testing.assert_close(weights, expected)
    assert weights.amax(1).eq(1).all() and weights[:, 11].eq(0).all() and not weights.requires_grad


def test_published_scale_follows_unit_and_size():
    assert ops.wpdc_loss.__module__ == "pyface3d.ops.wpdc_loss"
    from pyface3d.ops.wpdc_loss import published_scale

    assert published_scale("um", 120) == 0.00057339936
    assert published_scale("cm", 240) == pytest.approx(11.4679872)
    with pytest.raises(ValueError, match="no published scale for unit 'inch'"):
        published_scale("inch", 120)


def test_resampled_subset(model, space):
    pred, target = params()
    picked = torch.randperm(model.n_vertices, generator=torch.Generator().manual_seed(0))[:20]
    few = model.mean[picked], model.basis[picked]
    expected = reference.wpdc_loss(pred, target, space.mean, space.std, *few, 5.7339936)
    torch.testing.assert_close(ops.wpdc_loss(pred, target, space, model, picked), expected)
    torch.testing.assert_close(ops.wpdc_loss(pred, target, space, model.gram(indices=picked)), expected)


@pytest.mark.parametrize("count, coefficients", [(0, 5), (1, 0), (20, 11), (700, 50), (300, 15), (200, 130)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resampled_sizes(count, coefficients, dtype):
    generator = torch.Generator().manual_seed(8)
    mean, basis = (torch.randn(40, 3, *k, generator=generator, dtype=dtype) for k in ((), (coefficients,)))
    indices = torch.randint(40, (count,), generator=generator)
    width = 12 + coefficients
    pred, target, center = (torch.randn(*n, width, generator=generator, dtype=dtype) for n in ((3,), (3,), ()))
    spread = torch.rand(width, generator=generator, dtype=dtype) + 0.5
    args = pred, target, center, spread, mean, basis, indices, 2.0, 1e-6
    loss, weights = torch.ops.pyface3d.wpdc_loss_resampled(*args)
    exact = [x.double() for x in (pred, target, center, spread, mean[indices], basis[indices])]
    torch.testing.assert_close(weights.double(), reference.wpdc_weights(*exact, 2.0), rtol=2e-5, atol=1e-6)
    torch.testing.assert_close(loss.double(), reference.wpdc_loss(*exact, 2.0), rtol=2e-5, atol=1e-6)


def test_zero_error_is_zero_loss_and_gradient(model, space):
    pred, _ = params()
    loss = ops.wpdc_loss(pred, pred.detach().clone(), space, model)
    (grad,) = torch.autograd.grad(loss.sum(), pred)
    assert not loss.any() and not grad.any()


def test_texture_entries_are_left_out(model, space):
    pred, target = params(width=70)
    padded = ParameterSpace(torch.cat([space.mean, torch.ones(8)]), torch.cat([space.std, torch.ones(8)]), n_texture=8)
    loss = ops.wpdc_loss(pred, target, padded.double(), model)
    torch.testing.assert_close(loss, ops.wpdc_loss(pred[:, :62], target[:, :62], space, model))
    assert not torch.autograd.grad(loss.sum(), pred)[0][:, 62:].any()


def test_nan_stays_in_its_sample(model, space):
    pred, target = params()
    with torch.no_grad():
        pred[1, 20] = float("nan")
    assert ops.wpdc_loss(pred, target, space, model).isnan().tolist() == [False, True, False]


def test_bad_input_is_one_sentence(model, space):
    pred, target = params()
    with pytest.raises(RuntimeError, match=r"wpdc_loss: target must be the shape of pred = \(3, 62\), got \(2, 62\)"):
        ops.wpdc_loss(pred, target[:2], space, model)
    with pytest.raises(RuntimeError, match=r"mean must be \(P,\) = \(60,\), got \(62,\)"):
        ops.wpdc_loss(pred[:, :60], target[:, :60], space, model)
    short = ParameterSpace(n_identity=10, n_expression=5).double()
    with pytest.raises(RuntimeError, match="12 pose entries and the model's 50 coefficients"):
        ops.wpdc_loss(pred[:, :27], target[:, :27], short, model)
    with pytest.raises(RuntimeError, match="tensors must be on one device"):
        ops.wpdc_loss(pred, target.to("meta"), space, model)
    with pytest.raises(RuntimeError, match="scale must be positive"):
        ops.wpdc_loss(pred, target, space, model, scale=0.0)
    with pytest.raises(RuntimeError, match=r"wpdc_loss: indices must lie in \[0, 236\), got 236 at position 1"):
        ops.wpdc_loss(pred, target, space, model, torch.tensor([0, 236]))
    with pytest.raises(RuntimeError, match="indices must be int64"):
        ops.wpdc_loss(pred, target, space, model, torch.tensor([0], dtype=torch.int32))
    with pytest.raises(ValueError, match="has its vertices already"):
        ops.wpdc_loss(pred, target, space, model.gram(), torch.arange(3))
