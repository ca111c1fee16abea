import pytest
import torch

from pyface3d import ops


def arguments(batch=2, height=5, width=7):
    generator = torch.Generator().manual_seed(8)
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    pred = draw(batch, 3, height, width).requires_grad_()
    return pred, draw(batch, 3, height, width).requires_grad_(), (draw(height, width) * 4).floor()


def test_equal_maps_have_zero_loss_and_gradient():
    pred, _, weights = arguments()
    loss = ops.position_map_loss(pred, pred.detach().clone(), weights)
    (grad,) = torch.autograd.grad(loss.sum(), pred)
    assert not loss.any() and not grad.any()


@pytest.mark.parametrize("squared", [False, True])
def test_weight_zero_hides_anything(squared):
    pred, target, weights = arguments()
    weights[0] = 0
    expected = ops.position_map_loss(pred, target, weights, squared)
    broken = target.detach().clone()
    broken[:, :, 0] = float("nan")
    loss = ops.position_map_loss(pred, broken, weights, squared)
    (grad,) = torch.autograd.grad(loss.sum(), pred)
    assert torch.equal(loss, expected) and not grad[:, :, 0].any() and grad.isfinite().all()


def test_nan_stays_in_its_map():
    pred, target, weights = arguments()
    broken = target.detach().clone()
    broken[1, 0, 3, 3] = float("nan")
    assert ops.position_map_loss(pred, broken, weights + 1).isnan().tolist() == [False, True]
