import json
import struct

import numpy as np
import pytest
import torch

from pyface3d.morphable import load_model

N, K_I, K_E = 400, 4, 3  # of the shell and its bases in conftest.py


def test_eos_surrey(data_folder, check):
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
def test_eos_versions(version, shell, bases, check, tmp_path):
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
def test_eos_json(nested, shell, bases, check, tmp_path):
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
