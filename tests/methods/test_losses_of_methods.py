"""Each method learns sixteen pictures by heart with its own loss; what is not labeled does not matter."""

import copy

import pytest
import torch
from torch import nn

from pyface3d import create_method, list_methods
from pyface3d.camera import flip_y
from pyface3d.methods import JointNet, default_space, positive_weights

FEW = 16
# sizes at which sixteen pictures are learnt in seconds
TINY = {
    "compact": {"size": 32},
    "marn": {"backbone": "mobilenet_v2", "size": 32},
    "mobile_frnet": {"size": 32},
    "tddfa": {"width": 0.5, "size": 32},
    "synergynet": {"size": 32},
    "weight_mask": {"size": 32, "width": 16},
    "prnet": {"size": 32, "width": 16},
    "position_map_small": {"size": 32},
    "joint": {"size": 32, "width": 16},
}
# learning rate, steps, and the loss to reach; None: a twentieth of the first. Maps go through three layers of three
# channels, which learn slowly: 0.13 is a weighted mean error of 1.6 of the 32 pixels, while the best answer that does
# not look at its picture, the mean of the sixteen maps, gives 0.33 or 0.31 ("prnet"), 4.1 pixels
LEARNING = {
    "compact": (3e-3, 60, None),
    "marn": (3e-3, 40, None),
    "mobile_frnet": (3e-3, 110, None),
    "tddfa": (3e-3, 40, None),
    "synergynet": (3e-3, 40, None),
    "weight_mask": (5e-3, 250, 0.13),
    "prnet": (5e-3, 250, 0.13),
    "position_map_small": (5e-3, 250, 0.13),
    "joint": (1e-2, 150, None),
}


@pytest.fixture
def samples(face_model):
    """Sixteen pictures for a method, each one bright square in a place of its own, with every label."""

    def make(method, batch=FEW):
        generator = torch.Generator().manual_seed(0)
        size = method.images.size
        cell = size // 4
        images = torch.full((batch, 3, size, size), 64, dtype=torch.uint8)
        for i in range(batch):
            row, column = divmod(i % FEW, 4)
            images[i, i % 3, row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = 255
        space = getattr(method, "space", None) or default_space(face_model, size)
        coeffs = face_model.sample(batch, generator)
        pose = space.mean[:12] + 0.3 * space.std[:12] * torch.randn(batch, 12, generator=generator)
        labels = {"image": images, "params": torch.cat([pose, coeffs], 1)}
        if getattr(method, "atlas", None) is not None:
            vertices = face_model.synthesize(coeffs, pose.unflatten(1, (3, 4)).contiguous())
            labels["position_map"] = method.atlas.render(flip_y(vertices, size))
        labels["attributes"] = (torch.rand(batch, 40, generator=generator) < 0.4).to(torch.int8)
        return labels

    return make


@pytest.fixture
def one_thread():
    """These networks are too small to share: on a busy machine two threads would wait for each other at every layer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", list_methods())
def test_learns_sixteen_samples_by_heart(name, samples, face_model, one_thread):
    rate, steps, floor = LEARNING[name]
    torch.manual_seed(0)
    method = create_method(name, model=face_model, **TINY[name]).train()
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    batch = samples(method)
    optimizer = torch.optim.Adam(method.network.parameters(), rate)
    first = float(method.loss(batch)[0].detach())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, 2 * (steps - step) / steps)
        loss, terms = method.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(not term.requires_grad and term.isfinite() for term in terms.values())
    assert float(loss.detach()) < (first / 20 if floor is None else floor)


@pytest.mark.parametrize("name", ["mobile_frnet", "weight_mask", "joint"])
def test_what_is_not_labeled_does_not_matter(name, samples, face_model):
    method = create_method(name, model=face_model, **TINY[name]).eval()
    batch = samples(method, 4)
    keys = [key for key in ("params", "position_map", "attributes") if key in batch]
    present = torch.tensor([True, False, True, False])
    masked = {"image": batch["image"]}
    for key in keys:
        labels = batch[key].float().clone()
        labels[~present] = torch.nan
        masked |= {key: labels, f"has_{key}": present}
    half = {key: value[present] for key, value in batch.items()}
    everyone = {**batch, **{f"has_{key}": torch.ones(4, dtype=torch.bool) for key in keys}}
    for some, all_of_them in ((masked, half), (everyone, batch)):
        loss, expected = method.loss(some)[0], method.loss(all_of_them)[0]
        torch.testing.assert_close(loss, expected)
        gradients = [torch.autograd.grad(value, method.network.parameters()) for value in (loss, expected)]
        for one, other in zip(*gradients):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * float(other.abs().max()) + 1e-9)


def test_missing_labels_are_named(samples, face_model):
    method = create_method("marn", model=face_model, **TINY["marn"])
    batch = samples(method, 2)
    with pytest.raises(KeyError, match="the batch has no 'params'"):
        method.loss({"image": batch["image"]})
    maps = create_method("weight_mask", model=face_model, **TINY["weight_mask"])
    with pytest.raises(ValueError, match=r"position_map must be \(2, 3, 32, 32\), got \(2, 3, 16, 16\)"):
        maps.loss({"image": samples(maps, 2)["image"], "position_map": torch.zeros(2, 3, 16, 16)})


def test_map_networks_take_smoothness_as_a_regularizer(samples, face_model):
    plain, smooth = (
        create_method("weight_mask", model=face_model, **TINY["weight_mask"], smoothness=factor) for factor in (0, 2)
    )
    smooth.load_state_dict(plain.state_dict())
    batch = samples(plain, 2)
    (without, _), (total, terms) = (method.eval().loss(batch) for method in (plain, smooth))
    torch.testing.assert_close(total, without + 2 * terms["smoothness"])
    assert smooth.arguments["smoothness"] == 2 and terms["smoothness"] > 0


def test_outputs_can_be_handed_in(samples, face_model):
    for name in ("tddfa", "weight_mask", "joint"):
        method = create_method(name, model=face_model, **TINY[name]).eval()
        batch = samples(method, 3)
        outputs = method(method.preprocess(batch["image"]))
        torch.testing.assert_close(method.loss(batch, outputs)[0], method.loss(batch)[0])


@pytest.fixture
def joint(face_model):
    torch.manual_seed(0)
    model = copy.deepcopy(face_model)  # .double() reaches the face model too
    return JointNet(size=32, width=8, weights=(1.0, 0.5), model=model).eval().double()


@pytest.fixture
def hybrid(samples, face_model):
    """Four samples with a map and four with attributes."""
    batch = samples(JointNet(size=32, width=8, model=face_model), 8)
    shaped = torch.arange(8) < 4
    maps, labels = batch["position_map"].double(), batch["attributes"].double()
    maps[~shaped], labels[shaped] = torch.nan, torch.nan
    labels[5, 3] = -1
    return {
        "image": batch["image"].double(),
        "position_map": maps,
        "has_position_map": shaped,
        "attributes": labels,
        "has_attributes": ~shaped,
    }


def _gradients(method, batch):
    method.zero_grad()
    method.loss(batch)[0].backward()
    return {name: p.grad.clone() for name, p in method.network.named_parameters()}


def _only(batch, rows, key):
    return {"image": batch["image"][rows], key: batch[key][rows]}


def test_hybrid_gradients_are_the_sum_of_both_tasks(joint, hybrid):
    together = _gradients(joint, hybrid)
    shape = _gradients(joint, _only(hybrid, slice(0, 4), "position_map"))
    attributes = _gradients(joint, _only(hybrid, slice(4, 8), "attributes"))
    for name, gradient in together.items():
        assert gradient.isfinite().all()
        torch.testing.assert_close(gradient, shape[name] + attributes[name], rtol=1e-5, atol=1e-9)


def test_an_absent_task_gives_exactly_nothing(joint, hybrid):
    for rows, key, absent in ((slice(0, 4), "position_map", "attributes"), (slice(4, 8), "attributes", "shape")):
        batch = _only(hybrid, rows, key)
        assert joint.loss(batch)[1][absent] == 0
        gradients = _gradients(joint, batch)
        head = {name: g for name, g in gradients.items() if name.startswith(f"{absent}.")}
        assert head and all(torch.count_nonzero(g) == 0 for g in head.values())
        # the same with a mask that is all false, over labels that are not there
        masked = {**batch, absent: torch.full((4, 40), torch.nan)} if absent == "attributes" else None
        if masked is not None:
            masked["has_attributes"] = torch.zeros(4, dtype=torch.bool)
            torch.testing.assert_close(joint.loss(masked)[0], joint.loss(batch)[0], rtol=0, atol=0)


def test_a_nan_label_in_a_masked_place_changes_nothing(joint, hybrid):
    expected, gradients = joint.loss(hybrid)[0], _gradients(joint, hybrid)
    other = {**hybrid, "position_map": hybrid["position_map"].clone(), "attributes": hybrid["attributes"].clone()}
    other["position_map"][4:], other["attributes"][:4], other["attributes"][5, 3] = 7.0, 1.0, torch.nan
    torch.testing.assert_close(joint.loss(other)[0], expected, rtol=0, atol=0)
    for name, gradient in _gradients(joint, other).items():
        assert torch.equal(gradient, gradients[name])


def test_positive_weights():
    labels = torch.tensor([[1, 1, 0, -1]] + [[0, 1, 0, -1]] * 99)
    assert positive_weights(labels).tolist() == [20.0, pytest.approx(0.1), 20.0, 20.0]
