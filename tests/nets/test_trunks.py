import pytest
import torch
from safetensors.torch import save_file

from pyface3d import nets
from pyface3d.nets.group_enhance import GroupEnhance

TRUNKS = [
    nets.resnet34,
    nets.resnet50,
    nets.resnext50_32x4d,
    nets.mobilenet_v2,
    nets.densenet121,
    nets.mobilenet_v1,
    nets.MobileFRTrunk,
]


@pytest.mark.parametrize("build", TRUNKS, ids=lambda b: b.__name__)
def test_shapes_and_gradients(build):
    trunk = build(7)
    images = torch.randn(2, 3, 64, 64)
    assert trunk.forward_features(images).shape == (2, trunk.num_features, 2, 2)
    outputs = trunk(images)
    assert outputs.shape == (2, 7)
    outputs.square().sum().backward()
    missing = [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


@pytest.mark.parametrize(
    ("build", "keys"),
    [
        (nets.resnet34, {"layer2.0.downsample.0.weight", "layer4.2.bn2.running_var", "fc.bias"}),
        (nets.resnext50_32x4d, {"layer1.0.conv3.weight", "layer3.5.bn3.weight"}),
        (
            nets.mobilenet_v2,
            {"features.1.conv.1.weight", "features.2.conv.1.0.weight", "features.18.1.bias", "classifier.1.weight"},
        ),
        (
            nets.densenet121,
            {
                "features.denseblock1.denselayer1.norm1.weight",
                "features.transition3.conv.weight",
                "features.norm5.bias",
                "classifier.weight",
            },
        ),
        (nets.mobilenet_v1, {"dw2_1.conv_dw.weight", "dw6.bn_sep.running_mean", "fc.weight"}),
    ],
)
def test_public_parameter_names(build, keys):
    assert keys <= set(build(62).state_dict())


def test_standard_trunks_have_the_number_of_tensors_torchvision_has():
    # resnet34 218, resnet50 and resnext50 320, mobilenet_v2 314, densenet121 727 entries in torchvision's state dicts
    sizes = {b.__name__: len(b(1000).state_dict()) for b in TRUNKS[:5]}
    assert sizes == {"resnet34": 218, "resnet50": 320, "resnext50_32x4d": 320, "mobilenet_v2": 314, "densenet121": 727}


def test_load_backbone_skips_another_head(tmp_path):
    donor, trunk = nets.mobilenet_v2(1000), nets.mobilenet_v2(62)
    save_file(donor.state_dict(), tmp_path / "donor.safetensors")
    assert nets.load_backbone(trunk, tmp_path / "donor.safetensors") == ["classifier.1.weight", "classifier.1.bias"]
    assert torch.equal(trunk.features[0][0].weight, donor.features[0][0].weight)


def test_load_backbone_reads_data_parallel_checkpoints(tmp_path):
    donor, trunk = nets.mobilenet_v1(62), nets.mobilenet_v1(62)
    state = {f"module.{k}": v for k, v in donor.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "donor.pth")
    assert nets.load_backbone(trunk, tmp_path / "donor.pth") == []
    assert torch.equal(trunk.fc.weight, donor.fc.weight)


def test_load_backbone_refuses_other_files(tmp_path):
    trunk = nets.mobilenet_v2(62)
    with pytest.raises(FileNotFoundError, match="no weight file"):
        nets.load_backbone(trunk, tmp_path / "absent.pth")
    save_file(nets.mobilenet_v1(62).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="weights of another architecture: features.0.0.weight is missing"):
        nets.load_backbone(trunk, tmp_path / "other.safetensors")
    whole = (tmp_path / "other.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut.safetensors is damaged or truncated"):
        nets.load_backbone(trunk, tmp_path / "cut.safetensors")
    torch.save({"state_dict": trunk.state_dict()}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:2000])
    with pytest.raises(ValueError, match="cut.pth is damaged or truncated"):
        nets.load_backbone(trunk, tmp_path / "cut.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="must hold named tensors"):
        nets.load_backbone(trunk, tmp_path / "list.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "object.pth")  # an object, not tensors: must not be executed
    with pytest.raises(ValueError, match="object.pth asks for torch.nn.modules.linear.Linear"):
        nets.load_backbone(trunk, tmp_path / "object.pth")


@pytest.mark.parametrize(
    "arguments",
    [{"scales": 0}, {"scales": 2, "kernels": (3,)}, {"kernels": (3, 4)}, {"sge_place": "top"}, {"sge_groups": 7}],
)
def test_mobile_frnet_refuses_bad_arguments(arguments):
    with pytest.raises(ValueError):
        nets.MobileFRTrunk(62, **arguments)


def test_group_enhance_follows_its_definition():
    torch.manual_seed(0)
    layer = nets.SpatialGroupEnhance(6, 3).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 6, 5, 4, dtype=torch.double)
    expected = torch.empty_like(x)
    for b in range(2):
        for g in range(3):
            part = x[b, 2 * g : 2 * g + 2]
            m = sum(channel * channel.mean() for channel in part)
            t = (m - m.mean()) / (m.std() + 1e-5) * layer.weight[g] + layer.bias[g]
            expected[b, 2 * g : 2 * g + 2] = part * t.sigmoid()
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer(x.contiguous(memory_format=torch.channels_last)), expected)


@pytest.mark.parametrize("shape", [(2, 6, 5, 4), (3, 6, 1, 1), (1, 9, 2, 3)])
def test_group_enhance_learns_as_autograd_would(shape):
    """The written-out gradient of channels-last maps is that of the definition, and of finite differences."""
    torch.manual_seed(0)
    layer = nets.SpatialGroupEnhance(shape[1], 3).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(shape, dtype=torch.double).contiguous(memory_format=torch.channels_last).requires_grad_()
    upstream = torch.randn(shape, dtype=torch.double)
    found = []
    for plain in (False, True):
        x.grad = None
        layer.zero_grad()
        if plain:
            layer._learns_channels_last = lambda _: False
        y = layer(x)
        assert plain == ("GroupEnhance" not in type(y.grad_fn).__name__)
        y.backward(upstream)
        found.append([y.detach(), x.grad.clone(), layer.weight.grad.clone(), layer.bias.grad.clone()])
    for own, autograd in zip(*found):
        torch.testing.assert_close(own, autograd, atol=1e-9, rtol=1e-9)
    if shape[2] > 1:
        assert torch.autograd.gradcheck(GroupEnhance.apply, (x, layer.weight, layer.bias))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_group_enhance_survives_constant_maps(layout):
    layer = nets.SpatialGroupEnhance(4, 2)
    for side in (3, 1):  # a map of one pixel has no standard deviation
        x = torch.ones(1, 4, side, side).contiguous(memory_format=layout).requires_grad_()
        y = layer(x)
        y.sum().backward()
        assert x.grad.isfinite().all()
        torch.testing.assert_close(y, torch.full_like(y, 1 / (1 + 2.718281828459045**-1)))  # the gate's bias is 1


def test_hierarchical_branches_follow_their_definition():
    block = nets.MultiScaleDepthwise(8, (3, 5), 1, True)
    x = torch.randn(1, 8, 9, 9)
    first = block.branches[0](x[:, :4])
    second = block.branches[1](x[:, 4:] + first)
    torch.testing.assert_close(block(x), torch.cat([first, second], 1))


def test_weighted_pool_starts_as_the_mean():
    """Weights trained with a mean fit: the first kernel of each channel is one."""
    trunk = nets.mobilenet_v1(width=0.5, kernels=3).eval()
    images = torch.randn(1, 3, 120, 120)
    with torch.no_grad():
        features = trunk.forward_features(images)
        pooled = trunk.pool(features).flatten(1)
    assert pooled.shape == (1, trunk.num_features) == (1, 1536)
    torch.testing.assert_close(pooled[:, ::3], features.mean((2, 3)))


def test_as_many_kernels_as_places_are_the_whole_map():
    pool = nets.mobilenet_v1(width=0.5, kernels=16, size=120).pool
    maps = torch.rand(2, 512, 4, 4)
    torch.testing.assert_close(pool(maps).flatten(1), maps.flatten(1))
