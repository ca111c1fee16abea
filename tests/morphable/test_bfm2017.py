import numpy as np
import pytest
import torch

from pyface3d.morphable import load_model


@pytest.fixture
def bfm2017(tmp_path, shell, bases):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "model2017.h5", "w") as file:
        for group, mean, basis in (("shape", shell[0], bases[0]), ("expression", shell[0] * 0.5, bases[1])):
            file[f"{group}/model/mean"] = mean.ravel()
            file[f"{group}/model/pcaBasis"] = basis
            file[f"{group}/model/pcaVariance"] = np.arange(1.0, basis.shape[1] + 1) ** 2
        file["color/model/mean"] = np.full(shell[0].size, 0.5)
        file["shape/representer/cells"] = shell[1].T.astype(np.uint32)
    return tmp_path / "model2017.h5"


def test_bfm2017(bfm2017, shell, bases, check):
    model = load_model(bfm2017)
    check(model, shell[0] * 1.5, bases, shell[1], atol=1e-6)
    assert torch.equal(model.std, torch.tensor([1.0, 2, 3, 4, 1, 2, 3])) and model.unit == "mm"
    assert (model.colors == 0.5).all()


def test_bfm2017_truncated(bfm2017, tmp_path):
    bfm2017.write_bytes(bfm2017.read_bytes()[:3000])
    with pytest.raises(ValueError, match="damaged or truncated"):
        load_model(bfm2017)
