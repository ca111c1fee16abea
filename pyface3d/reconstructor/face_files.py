"""Files of a face, by suffix."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyface3d import render
from pyface3d.atomic import atomic_write, write_whole
from pyface3d.export import Mesh, save_mesh, save_position_map
from pyface3d.export.named import named_mesh
from pyface3d.foreign.text import json_text
from pyface3d.morphable.content import METERS
from pyface3d.reconstructor.styles import in_memory

if TYPE_CHECKING:
    from pyface3d.reconstructor.face import Face


def save_face(face: "Face", path: str | os.PathLike[str]) -> Path:
    """Write a face as what the suffix says; see ``Face.save``."""
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise ValueError(f"Face.save: path must end in {', '.join(_WRITERS)}, got {path}")
    _WRITERS[path.suffix.lower()](face, path)
    return path


def textured_mesh(face: "Face", morph_targets: bool = False) -> Mesh:
    """The face in meters, with the photo as texture where the model has a chart, else as vertex colors.

    Args:
        face: the face.
        morph_targets: keep the expression apart, as morph targets with their weights (GLB).
    """
    answer = face.reconstruction
    model, atlas = answer.model, answer.atlas
    look: dict[str, Any] = {"uv": None, "uv_triangles": None}
    if answer.position_map is not None:
        assert atlas is not None
        look["uv"] = atlas.vertex_uv[atlas.vertex_ids].cpu().numpy()
    elif model.uv is not None and model.uv_triangles is not None:
        look = {"uv": model.uv.cpu().numpy(), "uv_triangles": model.uv_triangles.cpu().numpy()}
    if look["uv"] is None:
        look["colors"] = _vertex_colors(face)
    elif len(face.triangles):
        look["texture"] = _texture(face, look["uv"], look["uv_triangles"])
    if morph_targets and answer.coeffs is not None and answer.position_map is None and model.unit in METERS:
        return named_mesh(model, answer.coeffs[0].float().cpu(), **look)
    return Mesh(face.shape * METERS.get(model.unit, 1.0), face.triangles, **look)


def _texture(face: "Face", uv: np.ndarray, uv_triangles: np.ndarray | None) -> np.ndarray:
    """(512, 512, 3) uint8: the photo on the model's chart, hair and background kept out."""
    vertices, landmarks = in_memory(face, face.vertices), in_memory(face, face.landmarks)
    chart = (uv, uv_triangles)
    return render.extract_texture(
        face.photo.pixels, vertices, face.triangles, *chart, size=512, landmarks=landmarks
    ).image


def _vertex_colors(face: "Face") -> np.ndarray:
    """(N, 3) uint8: what the photo shows at each vertex, hidden or not."""
    pixels = face.photo.pixels
    x, y = np.round(in_memory(face, face.vertices)[:, :2]).astype(int).T
    return pixels[y.clip(0, pixels.shape[0] - 1), x.clip(0, pixels.shape[1] - 1)]


def _save_model(face: "Face", path: Path) -> None:
    save_mesh(path, textured_mesh(face, morph_targets=path.suffix.lower() == ".glb"))


def _save_ply(face: "Face", path: Path) -> None:
    mesh = textured_mesh(face)
    mesh.colors = _vertex_colors(face)
    save_mesh(path, mesh)


def _save_page(face: "Face", path: Path) -> None:
    from pyface3d.page.faces import write_faces_page

    write_faces_page(path, [face], title=Path(face.photo.name).name)


def _save_picture(face: "Face", path: Path) -> None:
    render.save_picture(path, face.render("overlay"))


def _save_json(face: "Face", path: Path) -> None:
    named = {name: round(value, 4) for name, value in face.blendshapes.items()}
    write_whole(path, json_text(face.facts() | ({"blendshapes": named} if named else {})).encode())


def _save_arrays(face: "Face", path: Path) -> None:
    arrays: dict[str, Any] = {
        "vertices": face.vertices, "triangles": face.triangles, "shape": face.shape, "landmarks": face.landmarks,
        "pose": face.pose, "photo_pose": face.photo_pose, "roi": face.roi, "box": face.box,
    }  # fmt: skip
    optional = {"params": face.params, "position_map": face.position_map}
    arrays |= {name: value for name, value in optional.items() if value is not None}
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **arrays)


def _save_map(face: "Face", path: Path) -> None:
    if face.position_map is None:
        raise ValueError(f"Face.save: {face.method} predicts no position map; save .npz for its arrays")
    save_position_map(path, face.position_map.transpose(1, 2, 0))


_WRITERS: dict[str, Callable[["Face", Path], None]] = {
    ".obj": _save_model, ".glb": _save_model, ".ply": _save_ply, ".html": _save_page, ".png": _save_picture,
    ".jpg": _save_picture, ".json": _save_json, ".npz": _save_arrays, ".npy": _save_map, ".exr": _save_map,
}  # fmt: skip
