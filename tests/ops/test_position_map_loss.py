import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.position_map_loss.default


def arguments(batch=2, height=5, width=7):
    generator = torch.Generator().manual_seed(8)
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    pred = draw(batch, 3, height, width).requires_grad_()
    return pred, draw(batch, 3, height, width).requires_grad_(), (draw(height, width) * 4).floor()


@pytest.mark.parametrize("squared", [False, True])
def test_contract(squared):
    args = (*arguments(), squared)
    check_op(ops.position_map_loss, reference.position_map_loss, args, opcheck=(op, args), scale=10)


@pytest.mark.parametrize("squared", [False, True])
def test_more_pixels_than_a_chunk(squared):
    args = (*arguments(3, 129, 131), squared)
    check_op(ops.position_map_loss, reference.position_map_loss, args, gradcheck=False, compile=False, scale=1e4)


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


def test_channels_last_and_empty_batch():
    pred, target, weights = arguments()
    last = pred.detach().to(memory_format=torch.channels_last)
    expected = ops.position_map_loss(pred, target, weights)
    torch.testing.assert_close(ops.position_map_loss(last, target, weights), expected)
    pred, target, weights = arguments(0)
    loss = ops.position_map_loss(pred, target, weights)
    assert loss.shape == (0,) and torch.autograd.grad(loss.sum(), pred)[0].shape == (0, 3, 5, 7)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda p, t, w: (p[:, :2], t, w), r"pred must be \(B, 3, U, V\) = \(\*, 3, \*, \*\), got \(2, 2, 5, 7\)"),
        (lambda p, t, w: (p, t[:1], w), r"target must be the shape of pred = \(2, 3, 5, 7\), got \(1, 3, 5, 7\)"),
        (lambda p, t, w: (p, t, w[:4]), r"weight_mask must be \(U, V\) = \(5, 7\), got \(4, 7\)"),
        (lambda p, t, w: (p, t.double(), w), "target must have the dtype of pred"),
        (lambda p, t, w: (p, t, -w - 1), "weight_mask must not be negative"),
        (lambda p, t, w: (p, t, w * 0), "weight_mask are all zero"),
        (lambda p, t, w: (p, t.to("meta"), w), "tensors must be on one device"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    with pytest.raises(RuntimeError, match="position_map_loss: " + message):
        ops.position_map_loss(*change(*arguments()))
