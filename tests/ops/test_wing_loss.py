import math

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference


def arguments(*shape, spread=8.0):
    generator = torch.Generator().manual_seed(1)
    pred = (spread * torch.randn(shape, generator=generator)).requires_grad_()
    return pred, torch.randn(shape, generator=generator).requires_grad_()


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
