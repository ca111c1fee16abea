import pytest
import torch

from pyface3d import nets
from pyface3d.nets.resfcn import SameTransposedConv, same_conv


def test_counts_are_pinned():
    counted = nets.count(nets.ResFCN(), 256)
    assert counted.parameters == 13_353_618
    assert counted.macs / 1e9 == pytest.approx(4.129, abs=5e-4)
    assert nets.count(nets.PositionMapEncoder(), 256).parameters == 3_587_872
    decoder = [m for m in nets.PositionMapDecoder().modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert len(decoder) == 17


@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows_same(stride):
    """SAME convolution of an impulse response: 1 before and 2 after at stride 1, 1 and 1 at stride 2."""
    conv = same_conv(1, 1, stride)[:2].double()
    image = torch.zeros(1, 1, 8, 8, dtype=torch.double)
    image[0, 0, 4, 4] = 1
    weight = conv[1].weight[0, 0]
    expected = torch.zeros(8 // stride, 8 // stride, dtype=torch.double)
    for row in range(8 // stride):
        for column in range(8 // stride):
            i, j = 4 - stride * row + 1, 4 - stride * column + 1
            if 0 <= i < 4 and 0 <= j < 4:
                expected[row, column] = weight[i, j]
    torch.testing.assert_close(conv(image)[0, 0], expected)


@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolution_is_the_adjoint(stride):
    """TensorFlow defines conv2d_transpose as the gradient of conv2d; so is ours of ours."""
    torch.manual_seed(0)
    conv = same_conv(3, 5, stride)[:2].double()
    layer = SameTransposedConv(5, 3, stride, torch.nn.Identity()).double().eval()
    layer.conv.weight.data = conv[1].weight.data
    layer.norm = torch.nn.Identity()
    x = torch.randn(2, 3, 16, 16, dtype=torch.double)
    y = torch.randn(2, 5, 16 // stride, 16 // stride, dtype=torch.double)
    assert layer(y).shape == x.shape
    torch.testing.assert_close((conv(x) * y).sum(), (x * layer(y)).sum())


@pytest.mark.parametrize(("size", "map_size"), [(64, None), (64, 32), (32, 64)])
def test_sizes(size, map_size):
    network = nets.ResFCN(size, map_size, width=4).eval()
    maps = network(torch.randn(1, 3, size, size))
    assert maps.shape == (1, 3, map_size or size, map_size or size)
    assert 0 < maps.min() and maps.max() < 1


@pytest.mark.parametrize("size", [0, 8, 100, 255])
def test_bad_sizes_are_named(size):
    with pytest.raises(ValueError, match=f"size must be 16, 32, 64, 128, 256, ..., got {size}"):
        nets.ResFCN(size)


def test_joint_network_needs_a_size_its_backbone_can_take():
    with pytest.raises(ValueError, match="resnet50 feeds a position map at size 256 only, got 128"):
        nets.JointNetwork({"all": [0]}, backbone="resnet50", size=128)
    with pytest.raises(ValueError, match="backbone must be"):
        nets.JointNetwork({"all": [0]}, backbone="vgg")


def test_attribute_head_answers_in_the_order_of_the_places():
    head = nets.AttributeHead(6, {"a": [2, 0], "b": [1]}).eval()
    logits = head(torch.randn(4, 6, 2, 2, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (4, 3)
    for layer in head.groups.values():
        torch.nn.init.zeros_(layer.weight)
    head.groups["a"].bias.data = torch.tensor([2.0, 0.0])
    head.groups["b"].bias.data = torch.tensor([1.0])
    assert head(torch.randn(1, 6, 2, 2)).tolist() == [[0.0, 1.0, 2.0]]
