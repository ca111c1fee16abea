import copy
import pickle

import pytest
import torch
from torch import nn

from pyface3d.methods.fused import FusedConv, available, fuse
from pyface3d.methods.fused_mobilenet import FusedMobilenet, fuse_mobilenet
from pyface3d.nets import fold, mobilenet_v1, mobilenet_v2

needs_onednn = pytest.mark.skipif(not available(), reason="no oneDNN for this CPU")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False)
        self.last = nn.Conv2d(8, 4, 1)
        self.relu = nn.ReLU()

    def forward(self, images):
        start = self.relu(self.stem(images))
        bent = torch.relu(self.deep(start))
        return self.last(bent) + self.last(start)


@pytest.fixture
def pair():
    torch.manual_seed(1)
    network = Net().eval().requires_grad_(False)
    return network, fuse(fold(network))


@needs_onednn
def test_a_fused_network_is_the_same_function(pair):
    network, fused = pair
    convs = [module for module in fused.modules() if isinstance(module, FusedConv)]
    assert [conv.relu for conv in convs] == [True, True, False]
    assert not any(isinstance(module, nn.ReLU) for module in fused.modules())
    for batch, side in ((1, 16), (8, 16), (9, 16), (2, 31), (0, 16)):
        images = torch.randn(batch, 3, side, side)
        torch.testing.assert_close(fused(images), network(images), rtol=1e-5, atol=1e-6)
    assert all(conv._packed is not None for conv in convs)


@needs_onednn
def test_what_onednn_does_not_do_is_left_to_torch(pair):
    network, fused = pair
    images = torch.randn(2, 3, 16, 16, requires_grad=True)
    given = torch.autograd.grad(fused(images).square().sum(), images)[0]
    wanted = torch.autograd.grad(network(images).square().sum(), images)[0]
    torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-6)
    still = images.detach()
    with torch.autocast("cpu", torch.bfloat16):
        assert fused(still).dtype == torch.bfloat16
    compiled = torch.compile(fused, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(still), network(still), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(torch.jit.trace(fused, still)(still), network(still), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(fused.double()(still.double()), network.double()(still.double()))


@needs_onednn
def test_copies_and_changed_weights_are_laid_out_anew(pair):
    network, fused = pair
    images = torch.randn(1, 3, 16, 16)
    before = fused(images)
    for other in (copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))):
        assert torch.equal(other(images), before)
    for module in (network.stem, fused.stem.conv):
        module.weight.mul_(2)
    torch.testing.assert_close(fused(images), network(images), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(fused(images), before)


def test_other_convolutions_stay():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(4, 4, 3, padding="same")
    )
    fused = fuse(fold(network))
    images = torch.randn(1, 3, 8, 8)
    assert not any(isinstance(module, FusedConv) for module in fused.modules())
    torch.testing.assert_close(fused(images), network(images))


def mobilenet(kernels, outputs=62):
    """A small MobileNet whose numbers neither vanish nor grow, and the same in one call."""
    torch.manual_seed(2)
    network = mobilenet_v1(outputs, width=0.5, kernels=kernels, size=64).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1), module.running_var.uniform_(0.5, 2), module.bias.normal_(0, 0.2)
    return network, fuse_mobilenet(fuse(fold(network)))


@needs_onednn
@pytest.mark.parametrize("kernels", [0, 3])
def test_a_mobilenet_is_one_call(kernels):
    network, fused = mobilenet(kernels)
    one = fused.get_submodule("fused")
    assert isinstance(one, FusedMobilenet) and [node.op for node in fused.graph.nodes] == [
        "placeholder", "call_module", "output",
    ]  # fmt: skip
    for batch, side in ((1, 64), (3, 64), (9, 64), (2, 61), *([(2, 96)] if kernels == 0 else [])):
        images = torch.randn(batch, 3, side, side)
        expected = network(images)
        torch.testing.assert_close(fused(images), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    assert one._packed is not None
    alone = fused(images[:1])
    assert torch.equal(alone, fused(images)[:1])  # whoever stands beside it


@needs_onednn
def test_a_mobilenet_whose_weights_change_is_laid_out_anew():
    network, fused = mobilenet(3)
    images = torch.randn(1, 3, 64, 64)
    before = fused(images)
    assert torch.equal(copy.deepcopy(fused)(images), before)
    for module in (network.fc, fused.get_submodule("fused.head")):
        module.weight.mul_(2)
    expected = network(images)
    torch.testing.assert_close(fused(images), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    assert not torch.allclose(fused(images), before)


@needs_onednn
def test_a_mobilenet_leaves_to_torch_what_its_op_does_not_do():
    network, fused = mobilenet(3)
    images = torch.randn(2, 3, 64, 64, requires_grad=True)
    given = torch.autograd.grad(fused(images).square().sum(), images)[0]
    wanted = torch.autograd.grad(network(images).square().sum(), images)[0]
    torch.testing.assert_close(given, wanted, rtol=1e-3, atol=1e-3 * wanted.abs().max().item())
    traced = torch.jit.trace(fused, images.detach())
    torch.testing.assert_close(traced(images.detach()), network(images.detach()), rtol=1e-4, atol=1e-3)
    for other in (mobilenet_v2(62), mobilenet_v1(62, width=0.25)):
        assert not any(isinstance(part, FusedMobilenet) for part in fuse_mobilenet(fuse(fold(other))).modules())


@needs_onednn
def test_a_mobilenet_is_one_call_when_it_is_folded_again():
    network, fused = mobilenet(3)
    again = fuse_mobilenet(fuse(fold(fused)))
    images = torch.randn(1, 3, 64, 64)
    assert isinstance(again.get_submodule("fused"), FusedMobilenet) and len(again.graph.nodes) == 3
    assert torch.equal(again(images), fused(images))
