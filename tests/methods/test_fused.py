import copy
import pickle

import pytest
import torch
from torch import nn

from pyface3d.methods.fused import FusedConv, available, fuse
from pyface3d.nets import fold

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
