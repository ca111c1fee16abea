"""The formats that strangers' files come in: how a small valid one is written, and which public reader reads it."""

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

N = 24  # vertices; small files make many mutations a second
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(N, 3)).astype(np.float32)
BASIS = RANDOM.normal(size=(3 * N, 2)).astype(np.float32)
TRIANGLES = np.stack([np.arange(N - 2) + k for k in range(3)], axis=1)
PIXELS = RANDOM.integers(0, 256, (12, 16, 3), np.uint8)


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        suffix: of its files.
        write: writes a valid one.
        read: gives it to its reader.
    """

    suffix: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]


def _load_model(path: Path) -> Any:
    from pyface3d.morphable import load_model

    return load_model(path)


def _native(path: Path) -> None:
    from pyface3d.morphable import MorphableModel

    made = path.with_suffix(".npz" if path.suffix == ".npz" else ".safetensors")
    MorphableModel(POINTS, BASIS.reshape(N, 3, 2), BASIS.reshape(N, 3, 2), TRIANGLES).save(made)
    made.replace(path)


def _mat(path: Path, content: dict[str, Any] | None = None, compress: bool = True) -> None:
    from scipy.io import savemat

    usual = {"meanshape": POINTS.reshape(1, -1), "idBase": BASIS, "exBase": BASIS, "tri": TRIANGLES + 1.0}
    with path.open("wb") as stream:
        savemat(stream, usual if content is None else content, do_compression=compress)


def _mat_struct(path: Path) -> None:
    inner = {"shapeMU": POINTS.reshape(-1, 1), "shapePC": BASIS, "tri": TRIANGLES.T + 1.0, "note": "text"}
    _mat(path, {"model": inner}, compress=False)


def _label_mat(path: Path) -> None:
    para = np.array([[0.1, 0.2, 0.3, 60, 60, 0, 1e-3]])
    sizes = {"Shape_Para": (199, 1), "Exp_Para": (29, 1), "pt2d": (2, 68)}
    _mat(path, {"Pose_Para": para} | {name: RANDOM.random(size) for name, size in sizes.items()})


def _hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["shape/model/mean"], file["shape/model/pcaBasis"] = POINTS.ravel(), BASIS
        file["shape/model/pcaVariance"], file["shape/representer/cells"] = np.ones(2), TRIANGLES.T


def _pickle(protocol: int) -> Callable[[Path], Any]:
    content = {
        "u": POINTS.reshape(-1, 1),
        "w_shp": BASIS,
        "w_exp": BASIS,
        "tri": TRIANGLES.T,
        "names": ["a", ("b", 1.5)],
    }
    return lambda path: path.write_bytes(pickle.dumps(content, protocol=protocol))


def _eos(path: Path) -> None:
    def matrix(values: np.ndarray) -> bytes:
        return struct.pack("<ii", *values.shape) + values.astype("<f4").tobytes(order="F")

    def rows(values: np.ndarray, dtype: str) -> bytes:
        return struct.pack("<Q", len(values)) + values.astype(dtype).tobytes()

    pca = matrix(POINTS.reshape(-1, 1)) + matrix(BASIS) + matrix(np.ones((2, 1))) + rows(TRIANGLES, "<i4")
    smile = struct.pack("<iQQ", 1, 1, 5) + b"smile" + matrix(POINTS.reshape(-1, 1))
    tail = rows(RANDOM.random((N, 2)), "<f8") + rows(TRIANGLES, "<i4")
    path.write_bytes(struct.pack("<I", 4) + pca + pca + b"\0" + smile + b"\1" + tail)


def _eos_json(path: Path) -> None:
    shape = {"mean": POINTS.reshape(-1, 1).tolist(), "orthonormal_pca_basis": BASIS.tolist(), "eigenvalues": [[1], [1]],
             "triangle_list": TRIANGLES.tolist()}  # fmt: skip
    path.write_text(json.dumps({"value0": {"shape_model": shape}}))


def _ict_npz(path: Path) -> None:
    np.savez_compressed(
        path, part_names=np.array(["face", "narrow_face"]), part_vertex_range=np.array([[0, N], [0, 4]]), mean=POINTS,
        triangles=TRIANGLES, uv=RANDOM.random((N, 2)), triangle_uv=TRIANGLES, identity=RANDOM.normal(size=(2, N, 3)),
        expression=RANDOM.normal(size=(2, N, 3)), expression_names=np.array(["a", "b"]),
        landmarks68=np.arange(68) % N,
    )  # fmt: skip


def _state() -> dict[str, Any]:
    import torch

    return {"layer.weight": torch.arange(12.0).reshape(3, 4).T, "layer.bias": torch.ones(3, dtype=torch.bfloat16)}


def _pth(path: Path, zipped: bool) -> None:
    import torch

    torch.save({"state_dict": _state()}, path, _use_new_zipfile_serialization=zipped)


def _weights(path: Path) -> None:
    from safetensors.torch import save_file

    card = {
        "method": "a",
        "arguments": {},
        "face_model": {"name": "a", "hash": "b", "unit": "cm"},
        "images": {"size": 1},
    }
    save_file({name: tensor.contiguous() for name, tensor in _state().items()}, path, {"pyface3d": json.dumps(card)})


def _read_weights(path: Path) -> Any:
    from pyface3d.methods.card import read_card
    from pyface3d.nets.weights import read_state

    return read_state(path), read_card(path)


def _method(path: Path) -> None:
    import torch

    from pyface3d.methods import create_method, save_weights

    torch.manual_seed(0)
    save_weights(create_method("compact", width=0.05, size=32), path)


def _read_method(path: Path) -> Any:
    from pyface3d.methods import from_pretrained

    return from_pretrained(path)


def _runtime_model(path: Path) -> Any:
    from pyface3d import runtime

    return runtime.load_model(path)


def _space(path: Path) -> None:
    from pyface3d import ParameterSpace

    ParameterSpace(n_identity=2, n_expression=1).save(path)


def _read_space(path: Path) -> Any:
    from pyface3d import ParameterSpace

    return ParameterSpace.load(path)


def _whitening(path: Path) -> None:
    path.write_bytes(pickle.dumps({"mean": np.zeros(62, np.float32), "std": np.ones(62, np.float32)}, protocol=4))


def _atlas(path: Path) -> None:
    from pyface3d import MorphableModel, UVAtlas

    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4)), -1).reshape(-1, 2)
    corners = np.array([(r * 4 + c, r * 4 + c + 1, r * 4 + c + 5) for r in range(3) for c in range(3)])
    mean = np.concatenate([grid, np.zeros((16, 1))], 1).astype(np.float32)
    empty = np.zeros((16, 3, 0), np.float32)
    UVAtlas.from_model(MorphableModel(mean, empty, empty, corners, uv=grid / 3.0), size=8).save(path)


def _read_atlas(path: Path) -> Any:
    from pyface3d import UVAtlas

    return UVAtlas.load(path)


def _map(path: Path) -> None:
    from pyface3d.export import save_position_map

    save_position_map(path, RANDOM.random((6, 6, 3), np.float32))


def _read_map(path: Path) -> Any:
    from pyface3d.export import load_position_map

    return load_position_map(path)


def _mesh(path: Path) -> None:
    from pyface3d.export import Mesh, save_mesh

    save_mesh(path, Mesh(POINTS, TRIANGLES, uv=RANDOM.random((N, 2)).astype(np.float32)))


def _read_mesh(path: Path) -> Any:
    from pyface3d.export.read_mesh import load_mesh

    return load_mesh(path)


def encoded(kind: str, **options: Any) -> bytes:
    """A small picture file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


def _picture(kind: str) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(encoded(kind))


def _read_photo(path: Path) -> Any:
    from pyface3d.images import read_photo

    return read_photo(path)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jpg", "b/c.png"):
            archive.writestr(name, encoded("JPEG" if name[-1] == "g" and name[-3] == "j" else "PNG"))
        archive.writestr("notes.txt", "no picture")


def _tar(path: Path) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name in ("a.jpg", "b/c.jpg", "long" * 40 + ".jpg"):
            content = encoded("JPEG")
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _read_sources(path: Path) -> Any:
    """Every source of an archive or video; what its ``read`` raises must be a sentence with the file's name."""
    from pyface3d.images import find_sources

    for source in find_sources(path, passed_over=Counter()):
        try:
            source.read()
        except (OSError, ValueError) as error:
            if path.name not in str(error):
                raise
    return None


def _video(kind: str) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        import cv2

        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, (32, 24))
        for i in range(3):
            video.write(np.full((24, 32, 3), 60 * i, np.uint8))
        video.release()

    return write


def _read_label_mat(path: Path) -> Any:
    from pyface3d.data.mat import read_mat

    try:
        return read_mat(path.read_bytes())
    except ValueError as error:  # it is given bytes, and has no name to tell
        raise ValueError(f"{path}: {error}") from error


def _landmarks(path: Path) -> None:
    points = RANDOM.random((68, 2)) * 100
    if path.suffix == ".pts":
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    elif path.suffix == ".npy":
        np.save(path, points)
    elif path.suffix == ".npz":
        np.savez(path, landmarks=points)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"faces": [{"landmarks": points.tolist()}]}))
    else:
        path.write_text("x,y\n" + "\n".join(f"{x:.3f},{y:.3f}" for x, y in points))


def _read_landmarks(path: Path) -> Any:
    from pyface3d.fitting import read_landmarks

    return read_landmarks(path)


def _places(path: Path) -> None:
    boxes = {"a.jpg": [[1.0, 2.0, 30.0, 40.0]], "b.jpg": [[5.0, 5.0, 9.0, 9.5], [1.0, 1.0, 2.0, 2.0]]}
    if path.suffix == ".csv":
        rows = [f"{name},{','.join(map(str, row))}" for name, rows in boxes.items() for row in rows]
        path.write_text("name,left,top,right,bottom\n" + "\n".join(rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(boxes))
    else:
        np.savez(path, names=np.array(list(boxes)), boxes=np.array([rows[0] for rows in boxes.values()]))


def _read_places(path: Path) -> Any:
    from pyface3d.reconstructor.given_places import read_places

    return read_places(path, "boxes")


def _coco(path: Path) -> None:
    entry = {"image_id": 1, "keypoints": RANDOM.random(68 * 3).tolist()}
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [entry]}))


def _read_annotations(path: Path) -> Any:
    from pyface3d.data.landmark_files import LandmarkFaces

    folder = path.parent / "photos"
    folder.mkdir(exist_ok=True)
    return LandmarkFaces(folder, path)


def _crop_table(path: Path) -> None:
    np.savez(path, names=np.array(["a", "b"]), pts68=RANDOM.random((2, 2, 68)), roi_box=np.array([[0, 0, 9, 9.0]] * 2))


def _read_crop_table(path: Path) -> Any:
    from pyface3d.data import CroppedFaces

    folder = path.parent / "photos"
    folder.mkdir(exist_ok=True)
    faces = CroppedFaces(path, folder)
    return len(faces)


def _recipe(path: Path) -> None:
    path.write_text(
        "method: mobile_frnet\nsteps: 10\nlearning_rate: 1e-3\naugment: {strength: 0.5}\ndata:\n- synthetic:8\n"
    )


def _read_recipe(path: Path) -> Any:
    from pyface3d.training import read_recipe

    return read_recipe(path)


def _onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = [1, 3, 4, 4]
    node = helper.make_node("Relu", ["image"], ["params"])
    image, params = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "params"))
    model = helper.make_model(helper.make_graph([node], "g", [image], [params]), ir_version=8)
    model.opset_import[0].version = 13
    card = {
        "method": "a", "images": {"size": 4, "channels": "RGB", "offset": 0, "scale": 1, "crop": "roi_from_landmarks"},
        "parameter_space": {"mean": [0.0] * 15, "std": [1.0] * 15, "n_identity": 2, "n_expression": 1, "flip": "3ddfa"},
        "face_model": {"name": "a", "hash": "b"},
    }  # fmt: skip
    helper.set_model_props(model, {"pyface3d": json.dumps(card)})
    onnx.save(model, path)


def _read_onnx(path: Path) -> Any:
    from pyface3d.runtime.onnx_reconstructor import read_network

    return read_network(path)


FORMATS = {
    "model_safetensors": Format(".safetensors", _native, _load_model),
    "model_npz": Format(".npz", _native, _load_model),
    "ict_npz": Format(".npz", _ict_npz, _load_model),
    "mat": Format(".mat", _mat, _load_model),
    "mat_struct": Format(".mat", _mat_struct, _load_model),
    "hdf5": Format(".h5", _hdf5, _load_model),
    "pickle0": Format(".pkl", _pickle(0), _load_model),
    "pickle2": Format(".pkl", _pickle(2), _load_model),
    "pickle4": Format(".pkl", _pickle(4), _load_model),
    "pickle5": Format(".pkl", _pickle(5), _load_model),
    "eos": Format(".bin", _eos, _load_model),
    "eos_json": Format(".json", _eos_json, _load_model),
    "weights_safetensors": Format(".safetensors", _weights, _read_weights),
    "method_safetensors": Format(".safetensors", _method, _read_method),
    "pth": Format(".pth", lambda path: _pth(path, True), _read_weights),
    "pth_old": Format(".pth", lambda path: _pth(path, False), _read_weights),
    "runtime_safetensors": Format(".safetensors", _native, _runtime_model),
    "runtime_npz": Format(".npz", _native, _runtime_model),
    "onnx": Format(".onnx", _onnx, _read_onnx),
    "space": Format(".safetensors", _space, _read_space),
    "whitening": Format(".pkl", _whitening, _read_space),
    "atlas": Format(".safetensors", _atlas, _read_atlas),
    "map_npy": Format(".npy", _map, _read_map),
    "map_png": Format(".png", _map, _read_map),
    "obj": Format(".obj", _mesh, _read_mesh),
    "ply": Format(".ply", _mesh, _read_mesh),
    "glb": Format(".glb", _mesh, _read_mesh),
    "jpeg": Format(".jpg", _picture("JPEG"), _read_photo),
    "png": Format(".png", _picture("PNG"), _read_photo),
    "gif": Format(".gif", _picture("GIF"), _read_photo),
    "bmp": Format(".bmp", _picture("BMP"), _read_photo),
    "tiff": Format(".tif", _picture("TIFF"), _read_photo),
    "webp": Format(".webp", _picture("WEBP"), _read_photo),
    "ppm": Format(".ppm", _picture("PPM"), _read_photo),
    "jpeg2000": Format(".jp2", _picture("JPEG2000"), _read_photo),
    "zip": Format(".zip", _zip, _read_sources),
    "tar": Format(".tar", _tar, _read_sources),
    "tgz": Format(".tgz", _tar, _read_sources),
    "avi": Format(".avi", _video("MJPG"), _read_sources),
    "mp4": Format(".mp4", _video("mp4v"), _read_sources),
    "label_mat": Format(".mat", _label_mat, _read_label_mat),
    "landmarks_pts": Format(".pts", _landmarks, _read_landmarks),
    "landmarks_npy": Format(".npy", _landmarks, _read_landmarks),
    "landmarks_npz": Format(".npz", _landmarks, _read_landmarks),
    "landmarks_json": Format(".json", _landmarks, _read_landmarks),
    "landmarks_csv": Format(".csv", _landmarks, _read_landmarks),
    "places_csv": Format(".csv", _places, _read_places),
    "places_json": Format(".json", _places, _read_places),
    "places_npz": Format(".npz", _places, _read_places),
    "coco": Format(".json", _coco, _read_annotations),
    "crop_table": Format(".npz", _crop_table, _read_crop_table),
    "recipe": Format(".yaml", _recipe, _read_recipe),
}
