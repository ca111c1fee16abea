"""Face models, of the library's own format and of others."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_formats.content import BASIS, POINTS, RANDOM, TRIANGLES, N


def write_native(path: Path) -> None:
    from pyface3d.morphable import MorphableModel

    made = path.with_suffix(".npz" if path.suffix == ".npz" else ".safetensors")
    MorphableModel(POINTS, BASIS.reshape(N, 3, 2), BASIS.reshape(N, 3, 2), TRIANGLES).save(made)
    made.replace(path)


def write_mat(path: Path, content: dict[str, Any] | None = None, compress: bool = True) -> None:
    from scipy.io import savemat

    usual = {"meanshape": POINTS.reshape(1, -1), "idBase": BASIS, "exBase": BASIS, "tri": TRIANGLES + 1.0}
    with path.open("wb") as stream:
        savemat(stream, usual if content is None else content, do_compression=compress)


def write_mat_struct(path: Path) -> None:
    inner = {"shapeMU": POINTS.reshape(-1, 1), "shapePC": BASIS, "tri": TRIANGLES.T + 1.0, "note": "text"}
    write_mat(path, {"model": inner}, compress=False)


def write_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["shape/model/mean"], file["shape/model/pcaBasis"] = POINTS.ravel(), BASIS
        file["shape/model/pcaVariance"], file["shape/representer/cells"] = np.ones(2), TRIANGLES.T


def pickled(protocol: int) -> Callable[[Path], Any]:
    content = {
        "u": POINTS.reshape(-1, 1),
        "w_shp": BASIS,
        "w_exp": BASIS,
        "tri": TRIANGLES.T,
        "names": ["a", ("b", 1.5)],
    }
    return lambda path: path.write_bytes(pickle.dumps(content, protocol=protocol))


def write_eos(path: Path) -> None:
    def matrix(values: np.ndarray) -> bytes:
        return struct.pack("<ii", *values.shape) + values.astype("<f4").tobytes(order="F")

    def rows(values: np.ndarray, dtype: str) -> bytes:
        return struct.pack("<Q", len(values)) + values.astype(dtype).tobytes()

    pca = matrix(POINTS.reshape(-1, 1)) + matrix(BASIS) + matrix(np.ones((2, 1))) + rows(TRIANGLES, "<i4")
    smile = struct.pack("<iQQ", 1, 1, 5) + b"smile" + matrix(POINTS.reshape(-1, 1))
    tail = rows(RANDOM.random((N, 2)), "<f8") + rows(TRIANGLES, "<i4")
    path.write_bytes(struct.pack("<I", 4) + pca + pca + b"\0" + smile + b"\1" + tail)


def write_eos_json(path: Path) -> None:
    shape = {"mean": POINTS.reshape(-1, 1).tolist(), "orthonormal_pca_basis": BASIS.tolist(), "eigenvalues": [[1], [1]],
             "triangle_list": TRIANGLES.tolist()}  # fmt: skip
    path.write_text(json.dumps({"value0": {"shape_model": shape}}))


def write_ict_npz(path: Path) -> None:
    np.savez_compressed(
        path, part_names=np.array(["face", "narrow_face"]), part_vertex_range=np.array([[0, N], [0, 4]]), mean=POINTS,
        triangles=TRIANGLES, uv=RANDOM.random((N, 2)), triangle_uv=TRIANGLES, identity=RANDOM.normal(size=(2, N, 3)),
        expression=RANDOM.normal(size=(2, N, 3)), expression_names=np.array(["a", "b"]),
        landmarks68=np.arange(68) % N,
    )  # fmt: skip


def write_flame(path: Path) -> None:
    """Joints and all; as a pickle with SciPy's sparse matrix in it."""
    from scipy.sparse import csc_matrix

    regressor = RANDOM.random((2, N))
    content = {
        "v_template": POINTS, "shapedirs": RANDOM.normal(size=(N, 3, 302)), "posedirs": RANDOM.normal(size=(N, 3, 9)),
        "f": TRIANGLES, "weights": RANDOM.dirichlet(np.ones(2), N), "kintree_table": np.array([[0, 0], [0, 1]]),
    }  # fmt: skip
    if path.suffix == ".npz":
        np.savez_compressed(path, J_regressor=regressor, **content)
    else:
        path.write_bytes(pickle.dumps({**content, "J_regressor": csc_matrix(regressor)}))


def write_correspondence(path: Path) -> None:
    import torch

    from pyface3d.fitting import Correspondence, save_correspondence
    from pyface3d.morphable import LandmarkSet

    tables = (torch.eye(3, 4), torch.rand(4, 3), torch.rand(4), torch.eye(4))
    way = Correspondence("a", "b", LandmarkSet.of_vertices([0, -1]), torch.zeros(2), *(t.double() for t in tables))
    save_correspondence(path, way, way)
