import pytest
import torch
from torch import nn

from pyface3d import nets


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda: nets.MobileFRTrunk(62), 2_588_526),
        (lambda: nets.MobileFRTrunk(62, attention=False), 2_438_222),
        (lambda: nets.MobileFRTrunk(62, scales=4), 2_588_526),
        (lambda: nets.MobileFRTrunk(62, se_reduction=16, sge_place="output"), 2_457_598),
        (lambda: nets.MobileFRTrunk(62, scales=4, kernels=(1, 3, 3, 3), expand_first=True), 2_516_470),
        (lambda: nets.MobileFRTrunk(62, scales=4, kernels=(1, 3, 3, 3), expand_first=True, attention=False), 2_366_166),
        (lambda: nets.resnext50_32x4d(62), 23_106_942),
        (lambda: nets.resnet50(62), 23_635_070),
        (lambda: nets.densenet121(62), 7_017_406),
        (lambda: nets.mobilenet_v2(62), 2_303_294),
        (lambda: nets.mobilenet_v2(62, projection=True), 2_381_134),
        (lambda: nets.mobilenet_v2(62, projection=True, expand_first=True), 2_382_222),
        (lambda: nets.mobilenet_v1(62, width=0.5), 850_398),
    ],
)
def test_parameters_are_pinned(build, parameters):
    network = build()
    counted = nets.count(network, 120)
    assert counted.parameters == sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("build", "macs", "published"),
    [  # GMAC of convolutions and linear layers, and the published convention, as docs/methods.md lists them
        (lambda: nets.resnext50_32x4d(62), 1.3000, 1.3196),
        (lambda: nets.densenet121(62), 0.7782, 0.8004),
        (lambda: nets.mobilenet_v2(62), 0.0932, 0.1030),
        (lambda: nets.MobileFRTrunk(62, attention=False), 0.1027, 0.1119),
        (lambda: nets.MobileFRTrunk(62), 0.1028, 0.1130),
    ],
)
def test_operations_are_pinned(build, macs, published):
    counted = nets.count(build(), 120)
    assert counted.macs / 1e9 == pytest.approx(macs, abs=6e-5)
    assert counted.published / 1e9 == pytest.approx(published, abs=6e-5)


def test_mobile_frnet_lies_near_the_published_figures():
    # 2.60 M and 0.120 G are known to two digits and come from an unknown counter
    full, plain = nets.count(nets.MobileFRTrunk(62)), nets.count(nets.MobileFRTrunk(62, attention=False))
    assert full.parameters / 2.60e6 == pytest.approx(1, abs=0.03)
    assert plain.parameters / 2.40e6 == pytest.approx(1, abs=0.03)
    assert full.published / 0.120e9 == pytest.approx(1, abs=0.07)
    assert plain.published / 0.110e9 == pytest.approx(1, abs=0.07)


def test_counts_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 25, 4))
    counted = nets.count(network, 10)
    assert [row.kind for row in counted.layers] == ["Conv2d", "BatchNorm2d", "ReLU", "Flatten", "Linear"]
    assert counted.layers[0].macs == 8 * 25 * 27 and counted.layers[0].output == (8, 5, 5)
    assert counted.macs == 8 * 25 * 27 + 800
    assert counted.published == 8 * 25 * 27 + 4 * 200 + 200 + 4 * 399
    assert "total" in str(counted) and f"{counted.macs:,}" in str(counted)


def test_transposed_convolution_counts_its_input():
    counted = nets.count(nn.ConvTranspose2d(3, 5, 4, 2, 1, bias=False), 8)
    assert counted.macs == 8 * 8 * 3 * 5 * 16


def test_counting_leaves_the_network_alone():
    network = nets.MobileFRTrunk(62)
    nets.count(network)
    assert network.training and all(p.device.type == "cpu" for p in network.parameters())
    assert not any(m._forward_hooks for m in network.modules())
    assert network(torch.zeros(2, 3, 120, 120)).shape == (2, 62)
