import pickle

import numpy as np
import pytest
import torch
from scipy.io import savemat

from pyface3d.morphable import load_model


def test_tddfa_v1_configs(tddfa, tmp_path):
    topology, points, bases = tddfa
    folder = tmp_path / "train.configs"
    folder.mkdir()
    np.save(folder / "u_shp.npy", topology["u_shp"].reshape(-1, 1))
    np.save(folder / "u_exp.npy", topology["u_exp"].reshape(-1, 1))
    np.save(folder / "w_shp_sim.npy", bases[0])
    np.save(folder / "w_exp_sim.npy", bases[1])
    np.save(folder / "keypoints_sim.npy", points["keypoint_components"])
    with pytest.raises(FileNotFoundError, match=r"has no tri\.mat"):
        load_model(folder)
    (tmp_path / "visualize").mkdir()
    savemat(tmp_path / "visualize" / "tri.mat", {"tri": topology["triangles"].T + 1.0})
    model = load_model(folder)
    assert (model.n_vertices, model.n_identity, model.n_expression, model.unit) == (53215, 40, 10, "um")
    assert torch.equal(model.landmarks, torch.tensor(points["keypoint_vertices"]).long())
    turned = topology["triangles"][:, ::-1].copy()  # the file winds inward
    assert torch.equal(model.triangles, torch.tensor(turned).long())
    coeffs = torch.tensor(np.random.default_rng(1).normal(size=(2, 50)), dtype=torch.float32)
    want = points["u"].ravel() + coeffs.numpy() @ np.concatenate([points["w_shp"], points["w_exp"]], axis=1).T
    torch.testing.assert_close(model.landmarks68(coeffs).reshape(2, -1), torch.tensor(want), rtol=1e-6, atol=0.05)
    given = load_model(folder, tmp_path / "visualize" / "tri.mat")
    assert given.hash() == model.hash()


def test_tddfa_v2_configs(tddfa, tmp_path):
    topology, _, bases = tddfa
    kept = topology["noneck_vertices"]
    rows = (3 * kept[:, None] + np.arange(3)).ravel()
    mean = (topology["u_shp"] + topology["u_exp"]).reshape(-1, 1)[rows]
    keypoints = (3 * topology["noneck_keypoints"][:, None] + np.arange(3)).ravel().astype(np.int64)
    content = {"u": mean, "w_shp": bases[0][rows], "w_exp": bases[1][rows], "keypoints": keypoints}
    (tmp_path / "bfm_noneck_v3.pkl").write_bytes(pickle.dumps(content, protocol=2))
    (tmp_path / "tri.pkl").write_bytes(pickle.dumps(topology["noneck_triangles"].T.copy(), protocol=2))
    (tmp_path / "param_mean_std_62d_120x120.pkl").write_bytes(pickle.dumps({"mean": np.zeros(62)}))
    (tmp_path / "mb1_120x120.yml").write_text("arch: mobilenet\n")
    model = load_model(tmp_path)
    assert (model.n_vertices, len(model.triangles)) == (38365, 76073)
    assert torch.equal(model.landmarks, torch.tensor(topology["noneck_keypoints"]).long())
    assert load_model(tmp_path / "bfm_noneck_v3.pkl", tmp_path / "tri.pkl").hash() == model.hash()
    with pytest.raises(ValueError, match="has no triangles; name their file too"):
        load_model(tmp_path / "bfm_noneck_v3.pkl")


def test_tddfa_landmarks(tddfa, data_folder, check):
    points = tddfa[1]
    model = load_model(data_folder / "tddfa" / "keypoint_basis.npz")
    bases = (points["w_shp"], points["w_exp"])
    check(model, points["u"].reshape(68, 3), bases, np.zeros((0, 3), np.int64))
    assert torch.equal(model.landmarks, torch.arange(68)) and model.unit == "um"
