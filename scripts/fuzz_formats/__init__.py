"""The formats that strangers' files come in: how a small valid one is written, and which public reader reads it."""

import importlib
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz_formats import face_models, labels, networks, pictures, surfaces


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


def reader(place: str) -> Callable[[Path], Any]:
    """A public function by ``module:name``, imported when it is needed: a process loads what its format takes."""
    module, _, name = place.partition(":")
    return lambda path: operator.attrgetter(name)(importlib.import_module(module))(path)


load_model = reader("pyface3d.morphable:load_model")
runtime_model = reader("pyface3d.runtime:load_model")
read_method = reader("pyface3d.methods:from_pretrained")
load_flame = reader("pyface3d.morphable:ArticulatedModel.load")
read_correspondence = reader("pyface3d.fitting:read_correspondence")
read_space = reader("pyface3d.camera:ParameterSpace.load")
read_atlas = reader("pyface3d.atlas:UVAtlas.load")
read_map = reader("pyface3d.export:load_position_map")
read_mesh = reader("pyface3d.export.read_mesh:load_mesh")
read_photo = reader("pyface3d.images:read_photo")
read_landmarks = reader("pyface3d.fitting:read_landmarks")
read_recipe = reader("pyface3d.training:read_recipe")
read_onnx = reader("pyface3d.runtime.onnx_reconstructor:read_network")

FORMATS = {
    "model_safetensors": Format(".safetensors", face_models.write_native, load_model),
    "model_npz": Format(".npz", face_models.write_native, load_model),
    "ict_npz": Format(".npz", face_models.write_ict_npz, load_model),
    "mat": Format(".mat", face_models.write_mat, load_model),
    "mat_struct": Format(".mat", face_models.write_mat_struct, load_model),
    "hdf5": Format(".h5", face_models.write_hdf5, load_model),
    "pickle0": Format(".pkl", face_models.pickled(0), load_model),
    "pickle2": Format(".pkl", face_models.pickled(2), load_model),
    "pickle4": Format(".pkl", face_models.pickled(4), load_model),
    "pickle5": Format(".pkl", face_models.pickled(5), load_model),
    "flame_pickle": Format(".pkl", face_models.write_flame, load_flame),
    "flame_npz": Format(".npz", face_models.write_flame, load_flame),
    "correspondence": Format(".npz", face_models.write_correspondence, read_correspondence),
    "eos": Format(".bin", face_models.write_eos, load_model),
    "eos_json": Format(".json", face_models.write_eos_json, load_model),
    "weights_safetensors": Format(".safetensors", networks.write_weights, networks.read_weights),
    "method_safetensors": Format(".safetensors", networks.write_method, read_method),
    "pth": Format(".pth", lambda path: networks.write_pth(path, True), networks.read_weights),
    "pth_old": Format(".pth", lambda path: networks.write_pth(path, False), networks.read_weights),
    "runtime_safetensors": Format(".safetensors", face_models.write_native, runtime_model),
    "runtime_npz": Format(".npz", face_models.write_native, runtime_model),
    "onnx": Format(".onnx", networks.write_onnx, read_onnx),
    "space": Format(".safetensors", networks.write_space, read_space),
    "whitening": Format(".pkl", networks.write_whitening, read_space),
    "atlas": Format(".safetensors", surfaces.write_atlas, read_atlas),
    "map_npy": Format(".npy", surfaces.write_map, read_map),
    "map_png": Format(".png", surfaces.write_map, read_map),
    "obj": Format(".obj", surfaces.write_mesh, read_mesh),
    "ply": Format(".ply", surfaces.write_mesh, read_mesh),
    "glb": Format(".glb", surfaces.write_mesh, read_mesh),
    "jpeg": Format(".jpg", pictures.picture("JPEG"), read_photo),
    "png": Format(".png", pictures.picture("PNG"), read_photo),
    "gif": Format(".gif", pictures.picture("GIF"), read_photo),
    "bmp": Format(".bmp", pictures.picture("BMP"), read_photo),
    "tiff": Format(".tif", pictures.picture("TIFF"), read_photo),
    "webp": Format(".webp", pictures.picture("WEBP"), read_photo),
    "ppm": Format(".ppm", pictures.picture("PPM"), read_photo),
    "jpeg2000": Format(".jp2", pictures.picture("JPEG2000"), read_photo),
    "zip": Format(".zip", pictures.write_zip, pictures.read_sources),
    "tar": Format(".tar", pictures.write_tar, pictures.read_sources),
    "tgz": Format(".tgz", pictures.write_tar, pictures.read_sources),
    "avi": Format(".avi", pictures.video("MJPG"), pictures.read_sources),
    "mp4": Format(".mp4", pictures.video("mp4v"), pictures.read_sources),
    "label_mat": Format(".mat", labels.write_label_mat, labels.read_label_mat),
    "landmarks_pts": Format(".pts", labels.write_landmarks, read_landmarks),
    "landmarks_npy": Format(".npy", labels.write_landmarks, read_landmarks),
    "landmarks_npz": Format(".npz", labels.write_landmarks, read_landmarks),
    "landmarks_json": Format(".json", labels.write_landmarks, read_landmarks),
    "landmarks_csv": Format(".csv", labels.write_landmarks, read_landmarks),
    "places_csv": Format(".csv", labels.write_places, labels.read_places),
    "places_json": Format(".json", labels.write_places, labels.read_places),
    "places_npz": Format(".npz", labels.write_places, labels.read_places),
    "coco": Format(".json", labels.write_coco, labels.read_annotations),
    "crop_table": Format(".npz", labels.write_crop_table, labels.read_crop_table),
    "recipe": Format(".yaml", networks.write_recipe, read_recipe),
}
