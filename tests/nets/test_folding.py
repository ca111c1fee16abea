import pytest
import torch
from torch import nn

from pyface3d import nets
from pyface3d.nets import fold


def _settled(network):
    """Eval mode with BatchNorm statistics and attention weights that are not trivial."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.6)
            nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.3, 0.8)
        if isinstance(module, nets.SpatialGroupEnhance):
            nn.init.normal_(module.weight)
    return network.eval().double()


@pytest.mark.parametrize(
    "build",
    [
        nets.resnet34,
        nets.mobilenet_v1,
        lambda: nets.mobilenet_v2(projection=True),
        nets.MobileFRTrunk,
        lambda: nets.MobileFRTrunk(attention=False),
        lambda: nets.MobileFRTrunk(scales=4, kernels=(1, 3, 3, 5), expand_first=True, se_tail=16),
        lambda: nets.MobileFRTrunk(scales=3, kernels=(3, 5, 7), projection=False),
        lambda: nets.MobileFRTrunk(sge_place="output", hierarchical=False),
        lambda: nets.MobileFRTrunk(sge_groups=8),
    ],
)
def test_folded_network_is_the_same_function(build):
    network = _settled(build())
    images = torch.randn(2, 3, 64, 64, dtype=torch.double)
    folded = fold(network)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), network(images), rtol=1e-9, atol=1e-9)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())


@pytest.mark.parametrize(
    ("build", "before", "after"),
    [
        (nets.densenet121, 121, 62),  # each dense layer's first, three transitions and the last
        (lambda: nets.ResFCN(64, width=4), 30, 6),  # those after the sum of a residual block
    ],
)
def test_norms_that_follow_no_convolution_stay(build, before, after):
    network = _settled(build())
    images = torch.randn(1, 3, 64, 64, dtype=torch.double)
    folded = fold(network)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), network(images), rtol=1e-9, atol=1e-9)
    count = [sum(isinstance(m, nn.BatchNorm2d) for m in n.modules()) for n in (network, folded)]
    assert count == [before, after]


def test_a_convolution_read_twice_keeps_its_output():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    network = _settled(Twice())
    images = torch.randn(1, 3, 8, 8, dtype=torch.double)
    torch.testing.assert_close(fold(network)(images), network(images))
