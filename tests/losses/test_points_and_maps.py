import math

import pytest
import torch

import pyface3d
from pyface3d import losses
from pyface3d.camera import flip_y
from pyface3d.morphable import build_laplacian
from pyface3d.ops import reference


def test_wing_is_the_mean_of_the_elements():
    pred, target = 20 * torch.randn(3, 68, 2), torch.randn(3, 68, 2)
    expected = reference.wing_loss(pred, target, 5.0, 0.5).mean()
    torch.testing.assert_close(losses.WingLoss(5.0, 0.5)(pred, target), expected)
    assert losses.WingLoss()(pred[:0], target[:0]) == 0
    with pytest.raises(ValueError, match="w and epsilon must be positive"):
        losses.WingLoss(epsilon=0)


@pytest.mark.parametrize("coordinates", [2, 3])
def test_landmarks_in_the_image(default, faces, coordinates):
    model, space = default
    pred, target = faces(space)
    pose, coeffs = space.split(target)
    labels = flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :coordinates]
    pose, coeffs = space.split(space.unwhiten(pred))
    points = flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :coordinates]
    loss = losses.LandmarkLoss(model, space)
    torch.testing.assert_close(loss(pred, labels), reference.wing_loss(points, labels).mean())
    assert loss(space.whiten(target), labels) < 1e-3


def test_hidden_landmarks_never_leak(default, faces):
    model, space = default
    pred, _ = faces(space)
    labels, visible = torch.full((4, 68, 2), math.nan), torch.zeros(4, 68, dtype=torch.bool)
    labels[:2, :10], visible[:2, :10] = 50.0, True
    loss, terms = losses.LandmarkLoss(model, space)(pred, labels, visible, return_terms=True)
    (grad,) = torch.autograd.grad(loss, pred)
    assert terms["landmarks"].isfinite() and grad.isfinite().all() and not grad[2:].any() and grad[:2].any()
    with pytest.raises(ValueError, match=r"target must be \(B, 68, 2\) or \(B, 68, 3\), got \(4, 21, 2\)"):
        losses.LandmarkLoss(model, space)(pred, torch.zeros(4, 21, 2))


def test_position_maps():
    pred, target, mask = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5), torch.rand(4, 5)
    plain = ((pred - target).norm(dim=1) * mask).sum((1, 2)).mean()
    squared = ((pred - target).square().sum(1) * mask).sum((1, 2)).mean()
    torch.testing.assert_close(losses.PositionMapLoss(mask)(pred, target), plain / 20)
    torch.testing.assert_close(losses.PositionMapLoss(mask, squared=True, pixels=7)(pred, target), squared / 7)
    for bad, message in ((mask - 1, "finite and not negative"), (mask * 0, "all zero")):
        with pytest.raises(ValueError, match=message):
            losses.PositionMapLoss(bad)


def test_position_maps_under_autocast():
    loss, pred = losses.PositionMapLoss(torch.ones(4, 5)), torch.rand(2, 3, 4, 5).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(pred, torch.zeros(2, 3, 4, 5))
    assert value.dtype == torch.float32 and torch.autograd.grad(value, pred)[0].dtype == torch.bfloat16


def test_attributes_average_over_labeled_samples():
    logits, labels = torch.randn(4, 6, requires_grad=True), torch.randint(0, 2, (4, 6))
    groups = torch.tensor([0, 0, 1, 1, 1, 2])
    alpha = torch.rand(6) * 5
    loss = losses.AttributeLoss(alpha, groups)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    entries = cross_entropy(logits, labels.float(), pos_weight=alpha, reduction="none")
    torch.testing.assert_close(loss(logits, labels), entries.sum(1).mean())
    samples = torch.tensor([True, False, False, True])
    torch.testing.assert_close(loss(logits, labels, samples), entries[samples].sum(1).mean())
    per_group = torch.tensor([[True, False, True], [False] * 3, [True] * 3, [False, True, False]])
    torch.testing.assert_close(loss(logits, labels, per_group), (entries * per_group[:, groups]).sum() / 3)
    nothing = loss(logits, torch.full((4, 6), math.nan))
    assert nothing == 0 and not torch.autograd.grad(nothing, logits)[0].any()


def test_joint_loss_is_the_sum_of_separate_tasks():
    maps, truth = torch.rand(4, 3, 4, 5, requires_grad=True), torch.rand(4, 3, 4, 5)
    logits, labels = torch.randn(4, 6, requires_grad=True), torch.randint(0, 2, (4, 6)).float()
    shape, attributes = losses.PositionMapLoss(torch.rand(4, 5), squared=True), losses.AttributeLoss()
    has_shape = torch.tensor([True, True, False, False])
    mixed_truth, mixed_labels = truth.clone(), labels.clone()
    mixed_truth[~has_shape], mixed_labels[has_shape] = math.nan, math.nan
    joint = losses.JointLoss(shape, attributes, (2.0, 0.5))
    loss, terms = joint((maps, logits), (mixed_truth, mixed_labels), (has_shape, None), return_terms=True)
    expected = 2 * shape(maps[:2], truth[:2]) + 0.5 * attributes(logits[2:], labels[2:])
    torch.testing.assert_close(loss, expected)
    grads = torch.autograd.grad(loss, (maps, logits))
    for grad, want in zip(grads, torch.autograd.grad(expected, (maps, logits))):
        torch.testing.assert_close(grad, want)
    assert set(terms) == {"position_map", "attributes"}
    absent = joint((maps, logits), (mixed_truth, labels), (torch.zeros(4, dtype=torch.bool), None))
    assert not torch.autograd.grad(absent, maps)[0].any()


def test_joint_and_attribute_losses_reduce_by_sample():
    maps, logits = torch.rand(4, 3, 4, 5), torch.randn(4, 6)
    truth, labels = torch.rand(4, 3, 4, 5), torch.randint(0, 2, (4, 6)).float()
    shape, attributes = losses.PositionMapLoss(torch.rand(4, 5)), losses.AttributeLoss()
    joint = losses.JointLoss(shape, attributes, (2.0, 0.5))
    mask = torch.tensor([True, True, False, False])
    each = joint((maps, logits), (truth, labels), (mask, ~mask), reduction="none")
    alone = [2 * shape(maps[i : i + 1], truth[i : i + 1]) for i in (0, 1)]
    alone += [0.5 * attributes(logits[i : i + 1], labels[i : i + 1]) for i in (2, 3)]
    torch.testing.assert_close(each, torch.stack(alone))


@pytest.mark.parametrize("part", ["position_map", "attributes"])
def test_a_joint_loss_names_the_samples_that_are_not_finite(part):
    joint = losses.JointLoss(losses.PositionMapLoss(torch.rand(4, 5)), losses.AttributeLoss())
    pred = {"position_map": torch.rand(4, 3, 4, 5), "attributes": torch.randn(4, 6)}
    target = torch.rand(4, 3, 4, 5), torch.randint(0, 2, (4, 6)).float()
    pred[part][2, 0] = torch.nan
    assert not joint(tuple(pred.values()), target).isfinite()
    joint.check_finite = True
    with pytest.raises(FloatingPointError, match=rf"term {part} is not finite for samples \[2\] of the batch"):
        joint(tuple(pred.values()), target)


def test_smoothness_counts_the_bumps_of_the_error_only():
    atlas = pyface3d.UVAtlas.from_model(model := pyface3d.MorphableModel.default(), 32)
    rest = model.mean[atlas.vertex_ids]
    laplacian = build_laplacian(atlas.triangles, rest)
    mesh = {"laplacian": laplacian, "vertex_uv": atlas.vertex_uv[atlas.vertex_ids]}
    loss = losses.PositionMapLoss(torch.ones(32, 32), smoothness=3.0, **mesh)
    target = atlas.render(model.synthesize(model.sample(2)))
    pred = (target + 0.1 * torch.randn(2, 3, 32, 32)).requires_grad_()
    value, terms = loss(pred, target, return_terms=True)
    bumps = reference.laplacian_smoothness(atlas.vertices(pred - target), *laplacian.table).mean() / len(rest)
    torch.testing.assert_close(terms["smoothness"], bumps.detach())
    torch.testing.assert_close(value, terms["position_map"] + 3 * bumps)
    assert torch.autograd.grad(value, pred)[0].any()
    moved, terms = loss(target + 5, target, return_terms=True)  # a face in another place is as smooth
    assert terms["smoothness"] < 1e-9 < moved
    with pytest.raises(ValueError, match="smoothness needs the mesh"):
        losses.PositionMapLoss(torch.ones(4, 4), smoothness=1.0)
