"""Each published layout is written by the test, from real geometry where the data folder has it, and read back."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from scipy.io import savemat

from pyface3d.morphable import MorphableModel, load_model

N, F, K_I, K_E = 400, 30, 4, 3
LANDMARKS = np.arange(10, 78)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def shell(rng):
    """Vertices on a sphere and triangles that face outward."""
    points = rng.normal(size=(N, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    triangles = np.stack([rng.choice(N, 3, replace=False) for _ in range(F)])
    a, b, c = points[triangles].transpose(1, 0, 2)
    inward = np.einsum("fc,fc->f", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points.astype(np.float32), triangles


@pytest.fixture
def bases(rng):
    return rng.normal(size=(3 * N, K_I)).astype(np.float32), rng.normal(size=(3 * N, K_E)).astype(np.float32)


def check(model, mean, bases, triangles, atol=0.0):
    torch.testing.assert_close(model.mean, torch.tensor(mean), rtol=0, atol=atol)
    for got, want in zip((model.identity_basis, model.expression_basis), bases):
        torch.testing.assert_close(got, torch.tensor(want).reshape(len(mean), 3, -1), rtol=0, atol=atol)
    assert torch.equal(model.triangles, torch.tensor(triangles))


# Basel 2009


@pytest.fixture
def bfm2009(tmp_path, shell, bases, rng):
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
    info = {"trimIndex": kept[:, None] + 1.0, "tri": triangles[:, ::-1].T + 1.0, "keypoints": LANDMARKS[None] + 1.0}
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


def test_bfm2009_with_3ddfas_files(bfm2009, shell, bases):
    folder = bfm2009[0]
    names = ("01_MorphableModel.mat", "model_info.mat", "Model_Exp.mat")
    model = load_model(*(folder / name for name in names))
    check(model, shell[0] * 1.1, bases, shell[1], atol=1e-6)
    assert torch.equal(model.landmarks, torch.tensor(LANDMARKS))
    assert load_model(folder).hash() == model.hash()  # the folder of these three, whatever their names
    for old, new in zip(names, "abc"):
        (folder / old).rename(folder / new)
    assert load_model(folder).hash() == model.hash()


def test_bfm2009_expression_needs_the_trimming(bfm2009):
    folder = bfm2009[0]
    with pytest.raises(ValueError, match="give the file with trimIndex"):
        load_model(folder / "01_MorphableModel.mat", folder / "Model_Exp.mat")


def test_bfm2009_trimmed_shape(tmp_path, shell, bases):
    points, triangles = shell
    shape = {"mu_shape": points.reshape(-1, 1), "w": bases[0], "sigma": np.ones((K_I, 1)), "tri": triangles.T + 1,
             "tex": np.full((3, N), 102.0)}  # fmt: skip
    savemat(tmp_path / "Model_Shape.mat", shape)
    savemat(tmp_path / "Model_Exp.mat", {"mu_exp": np.zeros((3 * N, 1)), "w_exp": bases[1]})
    model = load_model(tmp_path)
    check(model, points, bases, triangles)
    torch.testing.assert_close(model.colors, torch.full((N, 3), 0.4))


def test_bfm2009_of_face3d(tmp_path, shell, bases):
    points, triangles = shell
    struct_ = {"shapeMU": points.reshape(-1, 1), "shapePC": bases[0], "shapeEV": np.ones((K_I, 1)),
               "expMU": np.zeros((3 * N, 1)), "expPC": bases[1], "expEV": np.ones((K_E, 1)),
               "texMU": np.full((3 * N, 1), 255.0), "tri": triangles.T + 1.0,
               "kpt_ind": LANDMARKS[None] + 1.0}  # fmt: skip
    savemat(tmp_path / "BFM.mat", {"model": struct_})
    model = load_model(tmp_path / "BFM.mat")
    check(model, points, bases, triangles)
    assert torch.equal(model.landmarks, torch.tensor(LANDMARKS))


# Basel 2017


@pytest.fixture
def bfm2017(tmp_path, shell, bases):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "model2017.h5", "w") as file:
        for group, mean, basis in (("shape", shell[0], bases[0]), ("expression", shell[0] * 0.5, bases[1])):
            file[f"{group}/model/mean"] = mean.ravel()
            file[f"{group}/model/pcaBasis"] = basis
            file[f"{group}/model/pcaVariance"] = np.arange(1.0, basis.shape[1] + 1) ** 2
        file["color/model/mean"] = np.full(3 * N, 0.5)
        file["shape/representer/cells"] = shell[1].T.astype(np.uint32)
    return tmp_path / "model2017.h5"


def test_bfm2017(bfm2017, shell, bases):
    model = load_model(bfm2017)
    check(model, shell[0] * 1.5, bases, shell[1], atol=1e-6)
    assert torch.equal(model.std, torch.tensor([1.0, 2, 3, 4, 1, 2, 3])) and model.unit == "mm"
    assert (model.colors == 0.5).all()


def test_bfm2017_truncated(bfm2017, tmp_path):
    bfm2017.write_bytes(bfm2017.read_bytes()[:3000])
    with pytest.raises(ValueError, match="damaged or truncated"):
        load_model(bfm2017)


# 3DDFA


@pytest.fixture(scope="module")
def tddfa(data_folder):
    """Real mean, topology and landmark rows; the other rows of the bases are zero, for no file here has them."""
    topology = np.load(data_folder / "tddfa" / "mean_and_topology.npz")
    points = np.load(data_folder / "tddfa" / "keypoint_basis.npz")
    rows = points["keypoint_components"]
    bases = [np.zeros((3 * 53215, points[name].shape[1]), np.float32) for name in ("w_shp", "w_exp")]
    bases[0][rows], bases[1][rows] = points["w_shp"], points["w_exp"]
    return topology, points, bases


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


def test_tddfa_landmarks(tddfa, data_folder):
    points = tddfa[1]
    model = load_model(data_folder / "tddfa" / "keypoint_basis.npz")
    bases = (points["w_shp"], points["w_exp"])
    check(model, points["u"].reshape(68, 3), bases, np.zeros((0, 3), np.int64))
    assert torch.equal(model.landmarks, torch.arange(68)) and model.unit == "um"


# Deep3D


def test_deep3d(data_folder, tddfa, tmp_path, rng):
    from scipy.io import loadmat

    front = loadmat(data_folder / "deep3d" / "BFM_front_idx.mat")["idx"].ravel().astype(np.int64) - 1
    topology = tddfa[0]
    place = np.full(53215, -1)
    place[front] = np.arange(len(front))
    triangles = place[topology["triangles"]]
    triangles = triangles[(triangles >= 0).all(axis=1)]
    mean = topology["u_shp"][front] / 1e5
    bases = [rng.normal(size=(3 * 35709, width)).astype(np.float32) for width in (4, 3)]
    content = {"meanshape": mean.reshape(1, -1), "idBase": bases[0], "exBase": bases[1], "tri": triangles + 1.0,
               "meantex": np.full((1, 3 * 35709), 51.0), "keypoints": LANDMARKS[None] + 1.0}  # fmt: skip
    savemat(tmp_path / "BFM_model_front.mat", content)
    model = load_model(tmp_path / "BFM_model_front.mat")
    check(model, mean, bases, triangles[:, ::-1].copy())
    assert model.unit == "dm" and torch.equal(model.landmarks, torch.tensor(LANDMARKS))
    torch.testing.assert_close(model.colors, torch.full((35709, 3), 0.2))


# eos


def test_eos_surrey(data_folder):
    known = np.load(data_folder / "sfm" / "sfm_3448.npz")
    model = load_model(
        data_folder / "eos" / "sfm_shape_3448.bin", data_folder / "eos" / "expression_blendshapes_3448.bin"
    )
    bases = known["basis"], known["blendshapes"]
    check(model, known["mean"].reshape(-1, 3), bases, known["triangles"].astype(np.int64))
    torch.testing.assert_close(model.identity_std**2, torch.tensor(known["eigenvalues"]), rtol=1e-6, atol=0)
    assert model.expression_names == known["blendshape_names"].tolist()
    torch.testing.assert_close(model.uv, torch.tensor(np.stack([known["uv"][:, 0], 1 - known["uv"][:, 1]], 1)))
    assert np.corrcoef(model.mean[:, 1], model.uv[:, 1])[0, 1] > 0.9  # v up
    assert load_model(data_folder / "eos").hash() == model.hash()


def matrix_bytes(matrix):
    matrix = np.atleast_2d(matrix).astype("<f4")
    return struct.pack("<ii", *matrix.shape) + matrix.tobytes(order="F")


def rows_bytes(rows, dtype):
    return struct.pack("<Q", len(rows)) + np.asarray(rows).astype(dtype).tobytes()


def pca_bytes(mean, basis, variances, triangles):
    columns = (mean.reshape(-1, 1), basis, np.reshape(variances, (-1, 1)))
    return b"".join(matrix_bytes(part) for part in columns) + rows_bytes(triangles, "<i4")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_eos_versions(version, shell, bases, tmp_path):
    points, triangles = shell
    uv = np.random.default_rng(2).random((N, 2))
    content = struct.pack("<I", version) + pca_bytes(points, bases[0], np.arange(1, K_I + 1) ** 2, triangles)
    content += pca_bytes(np.full((N, 3), 0.25), bases[0], np.ones(K_I), triangles)  # colors
    if version >= 2:
        content += struct.pack("<?i", False, 0) + pca_bytes(points, bases[1], np.full(K_E, 4), triangles)
    if version >= 3:
        content += struct.pack("<?QQ", False, 1, 4) + b"nose" + struct.pack("<i", 7)
    content += rows_bytes(uv, "<f8")
    if version >= 4:
        content += rows_bytes(triangles, "<i4")
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    model = load_model(path)
    if version == 1:
        check(model, points, (bases[0], np.zeros((3 * N, 0), np.float32)), triangles)
    else:
        check(model, points * 2, bases, triangles)
        assert torch.equal(model.expression_std, torch.full((K_E,), 2.0))
    assert torch.equal(model.identity_std, torch.arange(1.0, K_I + 1))
    torch.testing.assert_close(model.uv[:, 1], 1 - torch.tensor(uv[:, 1], dtype=torch.float32))
    assert (model.colors == 0.25).all()
    for length in (len(content) - 1, len(content) // 2, 20):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is truncated"):
            load_model(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="1 bytes are left over"):
        load_model(path)


@pytest.mark.parametrize("nested", [True, False])
def test_eos_json(nested, shell, bases, tmp_path):
    points, triangles = shell

    def matrix(values):
        values = np.asarray(values, np.float64)
        flat = {"rows": values.shape[0], "cols": values.shape[1], "data": values.ravel(order="F").tolist()}
        return values.tolist() if nested else flat

    shape = {"mean": matrix(points.reshape(-1, 1)), "orthonormal_pca_basis": matrix(bases[0]),
             "eigenvalues": matrix(np.full((K_I, 1), 9)), "triangle_list": triangles.tolist()}  # fmt: skip
    smile = {"name": "smile", "deformation": matrix(bases[1][:, :1])}
    tree = {"cereal_class_version": 4, "shape_model": shape, "color_model": None, "expression_model": [smile],
            "texture_coordinates": [], "texture_triangle_indices": []}  # fmt: skip
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"value0": tree} if nested else tree))
    model = load_model(path)
    check(model, points, (bases[0], bases[1][:, :1]), triangles)
    assert model.expression_names == ["smile"] and torch.equal(model.identity_std, torch.full((K_I,), 3.0))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match="damaged or truncated"):
        load_model(path)


# ICT-FaceKit


def test_ict_npz(data_folder):
    model = load_model(data_folder / "ict" / "ict_facekit.npz")
    assert (model.n_vertices, len(model.triangles), model.n_identity, model.n_expression) == (26719, 52220, 100, 53)
    assert model.uv.min() >= 0 and model.uv.max() <= 1
    assert model.expression_names[0] == "browDown_L" and len(model.parts) == 17
    head = MorphableModel.default("head", expression="blendshapes")
    assert torch.equal(model.mean[:24591], head.mean)
    assert torch.equal(model.identity_basis[:24591, :, :40], head.identity_basis)
    assert torch.equal(model.expression_basis[:24591], head.expression_basis)
    assert torch.equal(model.landmarks, head.landmarks)


def test_ict_folder(data_folder, tmp_path):
    """Neutral mesh, two identities and two expressions written as the published OBJ files."""
    with np.load(data_folder / "ict" / "ict_facekit.npz") as file:
        kit = {name: file[name] for name in file.files}
    names = ["jawOpen", "browDown_L"]
    ids = [kit["expression_names"].tolist().index(name) for name in names]
    corners = np.stack([kit["triangles"], kit["triangle_uv"]], axis=2) + 1  # (F, 3, 2)
    polygons: dict[int, list] = {}
    for number, (a, b, c) in zip(kit["triangle_polygon"], corners.tolist()):
        polygons.setdefault(number, [a, b]).append(c)
    faces = ["f " + " ".join(f"{v}/{t}" for v, t in polygon) for polygon in polygons.values()]
    uv = [f"vt {u:.6f} {v:.6f}" for u, v in kit["uv"]]

    def write(name, vertices, *more):
        lines = [f"v {x:.15f} {y:.15f} {z:.15f}" for x, y, z in vertices]
        (tmp_path / f"{name}.obj").write_text("\n".join(["mtllib face.mtl", *lines, *more]) + "\n")

    mean = kit["mean"].astype(np.float64)
    write("generic_neutral_mesh", mean, *uv, "usemtl skin", *faces)
    for k in (0, 1):
        write(f"identity{k:03d}", mean + kit["identity"][k])
        write(names[k], mean + kit["expression"][ids[k]])
    write("PupilDilate_L", mean)  # published beside the 53, not one of them
    (tmp_path / "vertex_indices.json").write_text(json.dumps({"expressions": names}))
    model = load_model(tmp_path)
    whole = load_model(data_folder / "ict" / "ict_facekit.npz")
    assert model.expression_names == names and model.n_identity == 2
    assert torch.equal(model.mean, whole.mean) and torch.equal(model.triangles, whole.triangles)
    torch.testing.assert_close(model.uv, whole.uv, rtol=0, atol=1e-6)
    assert torch.equal(model.uv_triangles, whole.uv_triangles)
    assert torch.equal(model.identity_basis.half(), whole.identity_basis[..., :2].half())
    assert torch.equal(model.expression_basis.half(), whole.expression_basis[..., ids].half())
    assert torch.equal(model.landmarks, whole.landmarks)
    assert {part: len(vertices) for part, vertices in model.parts.items()} == {
        part: len(vertices) for part, vertices in whole.parts.items()
    }


# pyface3d's own


@pytest.mark.parametrize("name", ["face", "face.npz"])
def test_native(tmp_path, name):
    face = MorphableModel.default().truncated(2, 2)
    face.save(tmp_path / name)
    assert load_model(tmp_path / name).hash() == face.hash()


# What is no model


def test_absent_and_unknown_files(tmp_path, data_folder):
    with pytest.raises(FileNotFoundError, match="load_model: .*absent does not exist"):
        load_model(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("a text")
    (tmp_path / "empty").write_bytes(b"")
    foreign = [tmp_path / "notes.txt", tmp_path / "empty", tmp_path, data_folder / "photos" / "one_face.jpg",
               data_folder / "tddfa" / "mb05_120x120.pth", data_folder / "uv" / "BFM_UV.mat",
               data_folder / "tddfa" / "mean_and_topology.npz", data_folder / "eos" / "sfm_model_contours.json",
               data_folder / "eos" / "expression_blendshapes_3448.bin"]  # fmt: skip
    for path in foreign:
        with pytest.raises(ValueError, match="no face model that this library knows"):
            load_model(path)


def test_more_than_one_model(tmp_path):
    face = MorphableModel.default().truncated(1, 1)
    face.save(tmp_path / "a")
    face.save(tmp_path / "b")
    with pytest.raises(ValueError, match="holds native and native; name one model file"):
        load_model(tmp_path)


def test_truncated_mat(bfm2009):
    path = bfm2009[0] / "01_MorphableModel.mat"
    content = path.read_bytes()
    for length in (len(content) - 40, len(content) // 2, 130):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="damaged or truncated"):
            load_model(path)


def test_matlab_73(tmp_path):
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(500))
    with pytest.raises(ValueError, match="save it with -v7"):
        load_model(tmp_path / "new.mat")


def test_sizes_that_do_not_fit(tmp_path, shell, bases):
    content = {"meanshape": shell[0][:-1].reshape(1, -1), "idBase": bases[0], "exBase": bases[1], "tri": shell[1] + 1.0}
    savemat(tmp_path / "BFM_model_front.mat", content)
    with pytest.raises(ValueError, match=r"taken for a deep3d model, but .*identity_basis must be \(399, 3, \*\)"):
        load_model(tmp_path / "BFM_model_front.mat")
    del content["tri"]
    savemat(tmp_path / "BFM_model_front.mat", content)
    with pytest.raises(ValueError, match="taken for a deep3d model, but it lacks 'tri'"):
        load_model(tmp_path / "BFM_model_front.mat")
