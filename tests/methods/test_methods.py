import copy

import pytest
import torch

from pyface3d import create_method, list_methods
from pyface3d.methods import MARN, JointNet, MobileFRNet

NAMES = [
    "compact", "joint", "marn", "mobile_frnet", "position_map_small", "prnet", "synergynet", "tddfa", "weight_mask",
]  # fmt: skip


def _tensors(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def test_every_method_is_listed():
    assert list_methods() == NAMES
    with pytest.raises(ValueError, match="unknown method 'mobilefrnet'; known: .*mobile_frnet"):
        create_method("mobilefrnet")


@pytest.mark.parametrize("name", NAMES)
def test_predict_answers_in_one_form(name, small_method, pictures, face_model):
    method = small_method(name).train()
    faces = method.predict(pictures(method))
    assert method.training  # as it was
    assert len(faces) == 2
    assert faces.vertices.shape[0] == 2 and faces.vertices.shape[2] == 3
    assert faces.landmarks.shape == (2, 68, 3) and faces.angles.shape == (2, 3) and faces.pose.shape == (2, 3, 4)
    assert int(faces.triangles.max()) < faces.vertices.shape[1]
    assert faces.vertices.isfinite().all() and not faces.vertices.requires_grad
    assert method.name == name and method.recipe.sources


@pytest.mark.parametrize("name", NAMES)
def test_output_does_not_depend_on_the_batch(name, small_method, pictures):
    method = small_method(name)
    images = method.preprocess(pictures(method, 4))
    with torch.no_grad():
        together = _tensors(method(images))
        alone = [_tensors(method(images[i : i + 1])) for i in range(4)]
        shuffled = _tensors(method(images[[2, 0, 3, 1]]))
    for k, output in enumerate(together):
        scale = output.abs().max()
        torch.testing.assert_close(torch.cat([a[k] for a in alone]), output, rtol=1e-4, atol=1e-5 * scale)
        torch.testing.assert_close(shuffled[k], output[[2, 0, 3, 1]], rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_deployed_gives_the_same_output(name, small_method, pictures):
    method = small_method(name)
    deployed = method.deploy()
    images = method.preprocess(pictures(method))
    with torch.no_grad():
        for mine, theirs in zip(_tensors(method(images)), _tensors(deployed(images))):
            assert mine.std() > 1e-3  # the comparison means something
            torch.testing.assert_close(theirs, mine, rtol=1e-4, atol=1e-4 * max(1.0, float(mine.abs().max())))
    norms = [sum(isinstance(m, torch.nn.BatchNorm2d) for m in n.modules()) for n in (method.network, deployed.network)]
    assert norms[1] < norms[0] / 2
    assert deployed.predict(pictures(method)).landmarks.shape == (2, 68, 3)


@pytest.mark.parametrize("name", ["marn", "mobile_frnet", "tddfa", "position_map_small", "joint"])
def test_compiles_without_graph_breaks(name, small_method, pictures):
    method = small_method(name)
    images = method.preprocess(pictures(method))
    compiled = torch.compile(method, backend="eager", fullgraph=True)
    with torch.no_grad():
        for mine, theirs in zip(_tensors(method(images)), _tensors(compiled(images))):
            torch.testing.assert_close(theirs, mine)


def test_split_heads_have_the_same_parameters(face_model):
    one, three = MARN("mobilenet_v2", model=face_model), MARN("mobilenet_v2", True, model=face_model)
    assert sum(p.numel() for p in one.parameters()) == sum(p.numel() for p in three.parameters())
    assert three(torch.zeros(1, 3, 120, 120)).shape == (1, 62)


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({}, 2_588_526),
        ({"attention": False}, 2_438_222),
        ({"backbone": "resnext50_32x4d"}, 23_106_942),
        ({"backbone": "mobilenet_v2"}, 2_303_294),
        ({"backbone": "mobilenet_v2", "projection": True}, 2_381_134),
        ({"backbone": "densenet121"}, 7_017_406),
    ],
)
def test_rows_of_the_ablation(arguments, parameters, face_model):
    method = MobileFRNet(model=face_model, **arguments)
    assert sum(p.numel() for p in method.network.parameters()) == parameters


@pytest.mark.parametrize(
    "arguments",
    [
        {"head": "3dmm", "size": 64, "width": 4},
        {"head": "3dmm", "size": 64, "backbone": "resnet50"},
        {"size": 64, "width": 4, "race": True},
    ],
)
def test_variants_of_the_joint_method(arguments, face_model):
    method = JointNet(model=face_model, **arguments).eval()
    faces = method.predict(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    n_attributes = 44 if arguments.get("race") else 40
    assert faces.attributes.shape == (1, n_attributes) and len(faces.attribute_names) == n_attributes
    assert ((faces.attributes > 0) & (faces.attributes < 1)).all()
    assert (faces.params is None) == (arguments.get("head") != "3dmm")


def test_bad_arguments_are_named(face_model):
    with pytest.raises(ValueError, match="MARN: backbone must be one of resnet34"):
        MARN("vgg16", model=face_model)
    with pytest.raises(ValueError, match="MobileFRNet: backbone must be one of"):
        MobileFRNet(backbone="vgg16", model=face_model)
    with pytest.raises(ValueError, match="JointNet: head must be"):
        JointNet("mesh", model=face_model)
    with pytest.raises(ValueError, match="size must be 16, 32, 64"):
        create_method("prnet", size=100, model=face_model)
    with pytest.raises(ValueError, match=r"parameter space must have the \(30, 10\) identity"):
        MobileFRNet(model=face_model.truncated(30, 10), space=MobileFRNet(model=face_model).space)
    with pytest.raises(ValueError, match="parameter space must be of crops of 96 pixels, got 120"):
        MobileFRNet(model=face_model, space=MobileFRNet(model=face_model).space, size=96)


def test_a_deployed_method_leaves_its_origin_alone(small_method, pictures):
    method = small_method("mobile_frnet")
    before = copy.deepcopy(method.network.state_dict())
    method.deploy()
    assert all(torch.equal(before[key], value) for key, value in method.network.state_dict().items())
    assert all(p.requires_grad for p in method.network.parameters())
