import math

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.wing_loss.default


def arguments(*shape, spread=8.0):
    generator = torch.Generator().manual_seed(1)
    pred = (spread * torch.randn(shape, generator=generator)).requires_grad_()
    return pred, torch.randn(shape, generator=generator).requires_grad_()


@pytest.mark.parametrize("shape", [(), (5,), (3, 7, 3), (2, 16)])
def test_contract(shape):
    args = (*arguments(*shape), 10.0, 2.0)
    check_op(ops.wing_loss, reference.wing_loss, args, opcheck=(op, args))


def test_more_elements_than_a_chunk():
    check_op(ops.wing_loss, reference.wing_loss, arguments(40_003), gradcheck=False, compile=False, scale=10)


def test_published_values():
    pred = torch.tensor([-20.0, -10.0, 0.0, 2.0, 10.0])
    line = 10 - 10 * math.log(6)
    expected = torch.tensor([20 - line, 10 - line, 0.0, 10 * math.log(2), 10 - line])
    torch.testing.assert_close(ops.wing_loss(pred, torch.zeros(5)), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_relative_accuracy_over_all_magnitudes(dtype):
    x = torch.logspace(-30, 25, 20_000, dtype=torch.float64).to(dtype)
    for w, epsilon in [(10.0, 2.0), (1e20, 1e-3), (5.0, 0.5), (1.0, 1e6)]:
        value = ops.wing_loss(x, torch.zeros_like(x), w, epsilon)
        expected = reference.wing_loss(x.double(), x.double() * 0, w, epsilon)
        wanted = expected > 1e-30
        error = ((value.double() - expected) / expected)[wanted].abs().max()
        assert error < 8 * torch.finfo(dtype).eps, (w, epsilon, error)


def test_zero_error_has_zero_gradient():
    pred = torch.zeros(5, requires_grad=True)
    (grad,) = torch.autograd.grad(ops.wing_loss(pred, torch.zeros(5)).sum(), pred)
    assert torch.equal(grad, torch.zeros(5))


def test_nonfinite_stays_where_it_is():
    pred = torch.tensor([float("nan"), float("inf"), 1.0], requires_grad=True)
    loss = ops.wing_loss(pred, torch.zeros(3))
    (grad,) = torch.autograd.grad(loss.sum(), pred)
    assert loss[0].isnan() and loss[1].isinf() and loss[2].isfinite()
    assert grad[0].isnan() and grad[1] == 1 and grad[2].isfinite()


def test_expanded_and_empty():
    pred, target = torch.randn(4, 1).expand(4, 3), torch.randn(4, 3)
    assert torch.allclose(ops.wing_loss(pred, target), reference.wing_loss(pred, target), atol=1e-6)
    empty = torch.zeros(0, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(ops.wing_loss(empty, torch.zeros(0, 3)).sum(), empty)
    assert grad.shape == (0, 3)


@pytest.mark.parametrize(
    "pred, target, w, epsilon, message",
    [
        (torch.rand(2, 3), torch.rand(2, 4), 10, 2, r"target must have the shape of pred \(2, 3\), got \(2, 4\)"),
        (torch.rand(2).half(), torch.rand(2).half(), 10, 2, "pred must be float32 or float64"),
        (torch.rand(2), torch.rand(2).double(), 10, 2, "target must have the dtype of pred"),
        (torch.rand(2), torch.rand(2), 0, 2, "w must be positive and finite, got 0"),
        (torch.rand(2), torch.rand(2), 10, -1, "epsilon must be positive and finite, got -1"),
        (torch.rand(2), torch.rand(2), float("nan"), 2, "w must be positive"),
    ],
)
def test_bad_input_is_one_sentence(pred, target, w, epsilon, message):
    with pytest.raises(RuntimeError, match="wing_loss: " + message), torch.inference_mode():
        ops.wing_loss(pred, target, w, epsilon)


def test_target_on_another_device():
    with pytest.raises(RuntimeError, match="wing_loss: tensors must be on one device"):
        ops.wing_loss(torch.rand(2), torch.empty(2, device="meta"))
