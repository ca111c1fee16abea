import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from pyface3d.morphable import load_model


def test_deep3d(data_folder, tddfa, tmp_path, rng, landmarks, check):
    front = loadmat(data_folder / "deep3d" / "BFM_front_idx.mat")["idx"].ravel().astype(np.int64) - 1
    topology = tddfa[0]
    place = np.full(53215, -1)
    place[front] = np.arange(len(front))
    triangles = place[topology["triangles"]]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    mean = topology["u_shp"][front] / 1e5
    bases = [rng.normal(size=(3 * 35709, width)).astype(np.float32) for width in (4, 3)]
    content = {"meanshape": mean.reshape(1, -1), "idBase": bases[0], "exBase": bases[1], "tri": triangles + 1.0,
               "meantex": np.full((1, 3 * 35709), 51.0), "keypoints": landmarks[None] + 1.0}  # fmt: skip
    savemat(tmp_path / "BFM_model_front.mat", content)
    model = load_model(tmp_path / "BFM_model_front.mat")
    check(model, mean, bases, triangles[:, ::-1].copy())
    assert model.unit == "dm" and torch.equal(model.landmarks, torch.tensor(landmarks))
    torch.testing.assert_close(model.colors, torch.full((35709, 3), 0.2))


def test_sizes_that_do_not_fit(tmp_path, shell, bases):
    content = {"meanshape": shell[0][:-1].reshape(1, -1), "idBase": bases[0], "exBase": bases[1], "tri": shell[1] + 1.0}
    savemat(tmp_path / "BFM_model_front.mat", content)
    with pytest.raises(ValueError, match=r"taken for a deep3d model, but .*identity_basis must be \(399, 3, \*\)"):
        load_model(tmp_path / "BFM_model_front.mat")
    del content["tri"]
    savemat(tmp_path / "BFM_model_front.mat", content)
    with pytest.raises(ValueError, match="taken for a deep3d model, but it lacks 'tri'"):
        load_model(tmp_path / "BFM_model_front.mat")
