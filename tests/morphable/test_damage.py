"""Every reader on files with changed bytes: a model, or one ValueError that names the file; never another exception."""

import json
import pickle
import struct

import numpy as np
import pytest
from scipy.io import savemat

from pyface3d.foreign.child import kept_readers
from pyface3d.morphable import MorphableModel, load_model

N = 60
RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(N, 3)).astype(np.float32)
BASIS = RNG.normal(size=(3 * N, 2)).astype(np.float32)
TRIANGLES = np.stack([np.arange(N - 2) + k for k in range(3)], axis=1)


def write_native(path):
    MorphableModel(POINTS, BASIS.reshape(N, 3, 2), BASIS.reshape(N, 3, 2), TRIANGLES).save(path)


def write_npz(path):
    write_native(path.with_suffix(".npz"))
    path.with_suffix(".npz").rename(path)


def write_mat(path):
    content = {"meanshape": POINTS.reshape(1, -1), "idBase": BASIS, "exBase": BASIS, "tri": TRIANGLES + 1.0}
    with path.open("wb") as stream:
        savemat(stream, content, do_compression=True)


def write_h5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["shape/model/mean"], file["shape/model/pcaBasis"] = POINTS.ravel(), BASIS
        file["shape/model/pcaVariance"], file["shape/representer/cells"] = np.ones(2), TRIANGLES.T


def write_pickle(path):
    content = {"u": POINTS.reshape(-1, 1), "w_shp": BASIS, "w_exp": BASIS, "tri": TRIANGLES.T}
    path.write_bytes(pickle.dumps(content, protocol=2))


def write_json(path):
    shape = {"mean": POINTS.reshape(-1, 1).tolist(), "orthonormal_pca_basis": BASIS.tolist(), "eigenvalues": [[1], [1]],
             "triangle_list": TRIANGLES.tolist()}  # fmt: skip
    path.write_text(json.dumps({"value0": {"shape_model": shape}}))


def write_eos(path):
    matrix = lambda values: struct.pack("<ii", *values.shape) + values.astype("<f4").tobytes(order="F")  # noqa: E731
    rows = lambda values, dtype: struct.pack("<Q", len(values)) + values.astype(dtype).tobytes()  # noqa: E731
    pca = matrix(POINTS.reshape(-1, 1)) + matrix(BASIS) + matrix(np.ones((2, 1))) + rows(TRIANGLES, "<i4")
    smile = struct.pack("<iQQ", 1, 1, 5) + b"smile" + matrix(POINTS.reshape(-1, 1))
    tail = rows(RNG.random((N, 2)), "<f8") + rows(TRIANGLES, "<i4")
    path.write_bytes(struct.pack("<I", 4) + pca + pca + b"\0" + smile + b"\1" + tail)


@pytest.mark.parametrize("write", [write_native, write_npz, write_mat, write_h5, write_pickle, write_json, write_eos])
def test_changed_bytes(write, tmp_path):
    with kept_readers():
        change_bytes(write, tmp_path)


def change_bytes(write, tmp_path):
    path = tmp_path / "model"
    write(path)
    load_model(path)
    content, rng = path.read_bytes(), np.random.default_rng(1)
    refused = 0
    for k in range(90):
        changed = bytearray(content)
        if k % 3 == 0:
            changed = changed[: rng.integers(len(content))]
        else:  # anywhere, or where the headers are
            for place in rng.integers(len(content) if k % 3 == 1 else min(400, len(content)), size=4):
                changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            load_model(path)
        except ValueError as error:
            assert str(error).startswith("load_model: ") and str(path) in str(error)
            refused += 1
    assert refused >= 30
