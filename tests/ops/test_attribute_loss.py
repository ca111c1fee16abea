import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference


def arguments(batch=4, attributes=6):
    generator = torch.Generator().manual_seed(9)
    logits = (3 * torch.randn(batch, attributes, generator=generator)).requires_grad_()
    labels = torch.randint(0, 2, (batch, attributes), generator=generator).float()
    mask = torch.rand(batch, attributes, generator=generator) > 0.3
    return logits, labels, torch.rand(attributes, generator=generator) * 20, mask


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
