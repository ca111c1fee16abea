"""The second look: what it reads lies on the face, and what it answers starts from the first."""

import numpy as np
import pytest
import torch

import pyface3d
from pyface3d.camera import flip_y
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.methods import load_weights, save_weights
from pyface3d.methods.fused import available
from pyface3d.methods.second_look import SecondLook, sample


@pytest.fixture(scope="module")
def method():
    torch.manual_seed(0)
    return pyface3d.create_method("compact", looks=2, space=parameter_space()).eval()


@pytest.fixture(scope="module")
def taught(method):
    """With a second look that says something."""
    torch.manual_seed(1)
    taught = pyface3d.create_method("compact", looks=2, space=parameter_space()).eval()
    torch.nn.init.normal_(taught.network.look.identity.weight)
    return taught


def test_its_identity_and_the_first_landmarks_agree(taught):
    network, images = taught.network, torch.randn(2, 3, 120, 120)
    with torch.no_grad():
        *maps, first = network.looked(images)
        identity = network.look(*maps, first)
        assert torch.equal(first, network.trunk(images)) and identity.abs().max() > 0.1
        assert torch.equal(taught(images), network.agree(first, identity))


def test_reads_maps_where_the_face_is(method):
    look, space, model = method.network.look, method.space, method.model
    labels = SyntheticFaces(seed=5).labels(range(3))["params"]
    rows, columns = torch.meshgrid(torch.arange(30.0), torch.arange(30.0), indexing="ij")
    ramps = torch.stack([columns, rows]).mul(4).add(1.5)[None].expand(3, -1, -1, -1)  # crop pixels of a map's places
    small = torch.stack([columns, rows])[:, :15, :15].mul(8).add(3.5)[None].expand(3, -1, -1, -1)
    fine, coarse = look.at_surface(ramps, small, space.whiten(labels))
    pose, coeffs = space.split(labels)
    atlas = pyface3d.UVAtlas.from_model(model, size=64)
    maps = atlas.render(flip_y(model.synthesize(coeffs, pose), 120, space.flip))  # (3, 3, 64, 64)
    for found, step in ((fine, 4), (coarse, 8)):
        middle = slice(step // 2, None, step)
        there = maps[:, :2, middle, middle]
        covered = (atlas.triangle_ids[middle, middle] >= 0).expand_as(there[:, 0])
        inside = ((there > 4) & (there < 115)).all(1) & covered
        assert inside.float().mean() > 0.5
        torch.testing.assert_close(found.movedim(1, -1)[inside], there.movedim(1, -1)[inside], atol=0.02, rtol=0)
        assert not found.movedim(1, -1)[~covered].any()


def test_features_move_with_the_face(method):
    look, space = method.network.look, method.space
    params = space.mean[None].clone()
    moved = params.clone()
    moved[:, 3] += 4  # t_x: one place of the fine map
    wide = torch.randn(1, 2, 30, 31)
    before, after = wide[..., 1:], wide[..., :30]
    coarse = torch.zeros(1, 2, 15, 15)
    first = look.at_surface(before, coarse, space.whiten(params))[0]
    second = look.at_surface(after, coarse, space.whiten(moved))[0]
    same = (first - second).abs().amax(1) < 1e-3
    assert same.float().mean() > 0.8  # all but what a border cuts off


def test_deployed_and_stored_it_says_the_same(taught, tmp_path):
    images = torch.rand(9, 3, 120, 120) * 2 - 1  # more than go through the op at once
    with torch.no_grad():
        expected = taught(images)
        assert (expected - taught.network.trunk(images)).abs().max() > 1e-3
        for part in (images, images[:2]):
            torch.testing.assert_close(taught.deploy()(part), expected[: len(part)], atol=1e-4, rtol=1e-4)
        deployed = taught.deploy().network
        assert not available() or deployed.get_submodule("fused").kept == [3, 5, 13]
        save_weights(taught, tmp_path / "two.safetensors")
        again = pyface3d.methods.from_pretrained(tmp_path / "two.safetensors")
        assert again.arguments["looks"] == 2
        assert torch.equal(load_weights(again, tmp_path / "two.safetensors")(images), expected)


def test_runs_from_onnx(taught, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "two.onnx"
    pyface3d.methods.export_onnx(taught, path)
    image = torch.rand(1, 3, 120, 120) * 2 - 1
    found = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(
        ["params"], {"image": image.numpy()}
    )
    with torch.no_grad():
        np.testing.assert_allclose(found[0], taught(image).numpy(), atol=1e-3)


def test_learns_through_the_surface(taught):
    training = pyface3d.create_method("compact", looks=2, space=parameter_space())
    training.network.load_state_dict(taught.network.state_dict())
    images = torch.randn(2, 3, 120, 120)
    training(images).square().mean().backward()
    assert all(parameter.grad is not None for parameter in training.network.parameters())


def test_looks_are_one_or_two():
    with pytest.raises(ValueError, match="looks must be 1 or 2, got 3"):
        pyface3d.create_method("compact", looks=3)


def test_wants_a_chart():
    whole = pyface3d.MorphableModel.default()
    bare = pyface3d.MorphableModel(whole.mean, whole.identity_basis, whole.expression_basis, whole.triangles)
    with pytest.raises(ValueError, match="UV"):
        SecondLook(bare, parameter_space(), (4, 4, 4), 2)


def test_rows_of_a_table_are_what_grid_sample_reads(monkeypatch):
    values, places = torch.randn(2, 5, 7, 9), torch.rand(2, 40, 2) * 2.6 - 1.3  # some beyond the border
    expected = sample(values, places)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(sample(values, places), expected, atol=1e-5, rtol=1e-5)
