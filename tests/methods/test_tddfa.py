import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from pyface3d import ParameterSpace, create_method
from pyface3d.methods import SynergyNet, read_whitening


@pytest.fixture(scope="module")
def mb05(data_folder, keypoint_model):
    space = read_whitening(data_folder / "tddfa" / "keypoint_basis.npz")
    return create_method(
        "tddfa", pretrained=data_folder / "tddfa" / "mb05_120x120.pth", model=keypoint_model, space=space
    )


def _nme_of_bins(landmarks, dev):
    truth = torch.from_numpy(dev["pts68"][:, :2]).transpose(1, 2)  # (B, 68, 2)
    sides = truth.amax(1) - truth.amin(1)
    nme = 100 * (landmarks[..., :2] - truth).norm(dim=2).mean(1) / sides.prod(1).sqrt()
    yaw = torch.from_numpy(np.abs(dev["yaw_fitted"]))
    return [float(nme[part].mean()) for part in (yaw <= 30, (yaw > 30) & (yaw <= 60), yaw > 60)]


def test_mb05_reproduces_its_published_figures(data_folder, mb05):
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    params = []
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_crops120.zip") as crops:
        names = dev["names"].tolist()
        for start in range(0, len(names), 100):
            pictures = [Image.open(io.BytesIO(crops.read(f"{name}.jpg"))) for name in names[start : start + 100]]
            batch = torch.from_numpy(np.stack([np.array(picture.convert("RGB")) for picture in pictures]))
            params.append(mb05.predict(batch.permute(0, 3, 1, 2)).params)
    params = torch.cat(params)
    expected = torch.from_numpy(dev["mb05_params"])
    torch.testing.assert_close(mb05.space.whiten(params), mb05.space.whiten(expected), atol=1e-3, rtol=0)
    faces = mb05.reconstruct(mb05.space.whiten(params)).to_image(torch.from_numpy(dev["roi_box"]))
    bins = _nme_of_bins(faces.landmarks, dev)
    assert bins == pytest.approx([2.943, 3.522, 4.914], abs=0.002)
    assert sum(bins) / 3 == pytest.approx(3.793, abs=0.002)


def test_geometry_must_be_given(data_folder, keypoint_model):
    path = data_folder / "tddfa" / "mb05_120x120.pth"
    with pytest.raises(ValueError, match="belong to a face model and a whitening table: pass model and space"):
        create_method("tddfa", pretrained=path)
    with pytest.raises(ValueError, match=r"pass space \(--space of a command\); .*param_mean_std_62d_120x120.pkl"):
        create_method("tddfa", pretrained=path, model=keypoint_model)


def test_whitening_tables_differ(data_folder):
    path = data_folder / "tddfa" / "keypoint_basis.npz"
    first, second = read_whitening(path, "v1"), read_whitening(path, "v2")
    assert (first.flip, second.flip) == ("3ddfa", "3ddfa_v2")
    assert not torch.allclose(first.std, second.std, rtol=0.05)
    assert torch.equal(ParameterSpace.load(path).std, second.std)
    with pytest.raises(ValueError, match="version must be 'v1' or 'v2', got 'v3'"):
        read_whitening(path, "v3")
    with pytest.raises(ValueError, match="holds no whitening table of 3DDFA_V2"):
        read_whitening(data_folder / "aflw2000" / "dev.npz")


def test_weights_of_another_network_are_refused(tmp_path, face_model):
    torch.save({"state_dict": {"module.stem.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    space = create_method("tddfa", model=face_model).space
    with pytest.raises(ValueError, match="another architecture: conv1.weight is missing"):
        create_method("tddfa", pretrained=tmp_path / "other.pth", model=face_model, space=space)


def test_synergynet_checkpoints_load(tmp_path, face_model):
    donor = SynergyNet(model=face_model)
    state = {f"module.I2P.backbone.{key}": value for key, value in donor.network.state_dict().items()}
    assert "module.I2P.backbone.classifier_ori.1.weight" in state
    state["module.forwardDirection.conv1.weight"] = torch.zeros(64, 3, 1)
    torch.save({"state_dict": state}, tmp_path / "best.pth.tar")
    loaded = create_method("synergynet", pretrained=tmp_path / "best.pth.tar", model=face_model, space=donor.space)
    assert torch.equal(loaded.network.classifier_exp[1].weight, donor.network.classifier_exp[1].weight)
