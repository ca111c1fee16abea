import numpy as np
import pytest
import torch
from scipy.io import savemat

from pyface3d.morphable import load_model

N, K_I, K_E = 400, 4, 3  # of the shell and its bases in conftest.py


@pytest.fixture
def bfm2009(tmp_path, shell, bases, landmarks, rng):
    """01_MorphableModel.mat with 10 vertices that are trimmed away, and 3DDFA's files beside it."""
    points, triangles = shell
    kept = np.sort(rng.choice(N + 10, N, replace=False))
    pad = lambda flat: _scatter(flat.reshape(N, 3, -1), kept, rng).reshape(3 * (N + 10), -1)  # noqa: E731
    original = {
        "shapeMU": pad(points),
        "shapePC": pad(bases[0]),
        "shapeEV": np.arange(K_I, 0, -1.0)[:, None],
        "texMU": pad(np.full((3 * N, 1), 51.0, np.float32)),
        "tl": kept[triangles][:, ::-1] + 1.0,
    }
    savemat(tmp_path / "01_MorphableModel.mat", original)
    info = {"trimIndex": kept[:, None] + 1.0, "tri": triangles[:, ::-1].T + 1.0, "keypoints": landmarks[None] + 1.0}
    savemat(tmp_path / "model_info.mat", info)
    savemat(tmp_path / "Model_Exp.mat", {"mu_exp": points.reshape(-1, 1) * 0.1, "w_exp": bases[1]})
    return tmp_path, kept, original


def _scatter(rows, kept, rng):
    wide = rng.normal(size=(N + 10, *rows.shape[1:])).astype(np.float32)
    wide[kept] = rows
    return wide


def test_bfm2009_alone(bfm2009, shell):
    folder, kept, original = bfm2009
    model = load_model(folder / "01_MorphableModel.mat")
    assert (model.n_vertices, model.n_expression, model.unit) == (N + 10, 0, "um")
    assert torch.equal(model.mean.reshape(-1, 1), torch.tensor(original["shapeMU"]))
    assert torch.equal(model.identity_std, torch.arange(K_I, 0, -1.0))
    torch.testing.assert_close(model.colors[kept], torch.full((N, 3), 0.2))


def test_bfm2009_with_3ddfas_files(bfm2009, shell, bases, landmarks, check):
    folder = bfm2009[0]
    names = ("01_MorphableModel.mat", "model_info.mat", "Model_Exp.mat")
    model = load_model(*(folder / name for name in names))
    check(model, shell[0] * 1.1, bases, shell[1], atol=1e-6)
    assert torch.equal(model.landmarks, torch.tensor(landmarks))
    assert load_model(folder).hash() == model.hash()  # the folder of these three, whatever their names
    for old, new in zip(names, "abc"):
        (folder / old).rename(folder / new)
    assert load_model(folder).hash() == model.hash()


def test_bfm2009_expression_needs_the_trimming(bfm2009):
    folder = bfm2009[0]
    with pytest.raises(ValueError, match="give the file with trimIndex"):
        load_model(folder / "01_MorphableModel.mat", folder / "Model_Exp.mat")


def test_bfm2009_trimmed_shape(tmp_path, shell, bases, check):
    points, triangles = shell
    shape = {"mu_shape": points.reshape(-1, 1), "w": bases[0], "sigma": np.ones((K_I, 1)), "tri": triangles.T + 1,
             "tex": np.full((3, N), 102.0)}  # fmt: skip
    savemat(tmp_path / "Model_Shape.mat", shape)
    savemat(tmp_path / "Model_Exp.mat", {"mu_exp": np.zeros((3 * N, 1)), "w_exp": bases[1]})
    model = load_model(tmp_path)
    check(model, points, bases, triangles)
    torch.testing.assert_close(model.colors, torch.full((N, 3), 0.4))


def test_bfm2009_of_face3d(tmp_path, shell, bases, landmarks, check):
    points, triangles = shell
    struct_ = {"shapeMU": points.reshape(-1, 1), "shapePC": bases[0], "shapeEV": np.ones((K_I, 1)),
               "expMU": np.zeros((3 * N, 1)), "expPC": bases[1], "expEV": np.ones((K_E, 1)),
               "texMU": np.full((3 * N, 1), 255.0), "tri": triangles.T + 1.0,
               "kpt_ind": landmarks[None] + 1.0}  # fmt: skip
    savemat(tmp_path / "BFM.mat", {"model": struct_})
    model = load_model(tmp_path / "BFM.mat")
    check(model, points, bases, triangles)
    assert torch.equal(model.landmarks, torch.tensor(landmarks))


def test_truncated_mat(bfm2009):
    path = bfm2009[0] / "01_MorphableModel.mat"
    content = path.read_bytes()
    for length in (len(content) - 40, len(content) // 2, 130):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged or truncated"):
            load_model(path)
