import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pyface3d.morphable import MorphableModel


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default("head").truncated(3, 2)


@pytest.mark.parametrize("name", ["model.safetensors", "model.npz", "model"])
def test_round_trip(model, tmp_path, name):
    path = tmp_path / name
    model.save(path)
    again = MorphableModel.load(path)
    assert again.hash() == model.hash()
    assert (again.name, again.unit, again.expression_names) == (model.name, model.unit, model.expression_names)
    assert list(again.parts) == list(model.parts)
    assert all(torch.equal(again.parts[part], model.parts[part]) for part in model.parts)
    weights = torch.rand(2, 53)
    assert torch.equal(again.expression_from_blendshapes(weights), model.expression_from_blendshapes(weights))
    assert [file.name for file in tmp_path.iterdir()] == [name]  # no partial file stays


def test_precision_is_kept(model, tmp_path):
    model.subset(torch.arange(50)).double().save(tmp_path / "model")
    assert MorphableModel.load(tmp_path / "model").basis.dtype == torch.float64


@pytest.mark.parametrize("name", ["model", "model.npz"])
def test_truncated_file(model, tmp_path, name):
    path = tmp_path / name
    model.subset(torch.arange(500)).save(path)
    content = path.read_bytes()
    for length in (len(content) - 100, len(content) // 2, 4):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="load_model: .*model.* damaged"):
            MorphableModel.load(path)


def test_changed_content_is_noticed(model, tmp_path):
    path = tmp_path / "model"
    model.subset(torch.arange(500)).save(path)
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="does not have the hash"):
        MorphableModel.load(path)


def test_foreign_files(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", mean=np.zeros(3))
    for name in ("net.safetensors", "data.npz"):
        with pytest.raises(ValueError, match="something else than a face model"):
            MorphableModel.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        MorphableModel.load(tmp_path / "absent")
