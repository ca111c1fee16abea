import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.attribute_loss.default


def arguments(batch=4, attributes=6):
    generator = torch.Generator().manual_seed(9)
    logits = (3 * torch.randn(batch, attributes, generator=generator)).requires_grad_()
    labels = torch.randint(0, 2, (batch, attributes), generator=generator).float()
    mask = torch.rand(batch, attributes, generator=generator) > 0.3
    return logits, labels, torch.rand(attributes, generator=generator) * 20, mask


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_contract(weighted, masked):
    logits, labels, pos_weight, mask = arguments()
    args = logits, labels, pos_weight if weighted else None, mask if masked else None
    check_op(ops.attribute_loss, reference.attribute_loss, args, opcheck=(op, args), scale=10)


@pytest.mark.parametrize("unknown", [-1.0, float("nan")])
def test_unknown_labels_never_leak(unknown):
    logits, labels, pos_weight, mask = arguments()
    hidden = torch.where(mask, labels, torch.full_like(labels, unknown))
    with torch.no_grad():
        logits[~mask] = float("inf")
    for given in (mask, None):
        loss = ops.attribute_loss(logits, hidden, pos_weight, given)
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert loss.isfinite().all() and not grad[~mask].any() and grad.isfinite().all()
        clean = torch.where(mask, logits.detach(), torch.zeros(()))
        torch.testing.assert_close(loss, reference.attribute_loss(clean, labels, pos_weight, mask))


def test_large_logits_neither_overflow_nor_vanish():
    logits = torch.tensor([[-1000.0, 1000.0, -1000.0, 1000.0]], requires_grad=True)
    loss = ops.attribute_loss(logits, torch.tensor([[0, 1, 1, 0]]))
    (grad,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.item() == 2000 and grad.tolist() == [[0, 0, -1, 1]]


def test_integer_labels_and_mask_per_sample():
    logits, labels, pos_weight, _ = arguments()
    has = torch.tensor([True, False, True, False])
    loss = ops.attribute_loss(logits, labels.to(torch.int8), pos_weight, has[:, None])
    whole = ops.attribute_loss(logits, labels, pos_weight)
    assert torch.equal(loss, torch.where(has, whole, torch.zeros(4)))


def test_soft_labels():
    logits, _, pos_weight, _ = arguments()
    soft = torch.rand(4, 6)
    torch.testing.assert_close(
        ops.attribute_loss(logits, soft, pos_weight), reference.attribute_loss(logits, soft, pos_weight)
    )


def test_empty_batch_and_nan():
    logits, labels, *_ = arguments(0)
    loss = ops.attribute_loss(logits, labels)
    assert loss.shape == (0,) and torch.autograd.grad(loss.sum(), logits)[0].shape == (0, 6)
    logits, labels, *_ = arguments()
    with torch.no_grad():
        logits[2, 0] = float("nan")
    assert ops.attribute_loss(logits, labels).isnan().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda z, y, a, m: (z[0], y, a, m[0]), r"logits must be \(B, M\)"),
        (lambda z, y, a, m: (z, y[:, :5], a, m), r"labels must be the shape of logits = \(4, 6\), got \(4, 5\)"),
        (lambda z, y, a, m: (z, y, a[:5], m), r"pos_weight must be \(M,\) = \(6,\), got \(5,\)"),
        (lambda z, y, a, m: (z, y, a, m.float()), "mask must be bool"),
        (lambda z, y, a, m: (z, y, -a, m), "pos_weight must not be negative"),
        (lambda z, y, a, m: (z.half(), y, a, m), "logits must be float32 or float64"),
        (lambda z, y, a, m: (z, y.to("meta"), a, m), "tensors must be on one device"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    with pytest.raises(RuntimeError, match="attribute_loss: " + message):
        ops.attribute_loss(*change(*arguments()))
