"""Pictures of a face over its photo."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pyface3d import render

if TYPE_CHECKING:
    from pyface3d.reconstructor.face import Face


def render_face(face: "Face", style: str) -> np.ndarray:
    """A picture (H, W, 3) uint8 of the size of the photo in memory; see ``Face.render``."""
    if style not in _STYLES:
        raise ValueError(f"Face.render: style must be one of {', '.join(_STYLES)}, got {style!r}")
    return _STYLES[style](face)


def in_memory(face: "Face", points: np.ndarray) -> np.ndarray:
    """Points (N, 3) of the photo in the pixels of the photo as it is in memory."""
    x, y = face.photo.reduction
    return ((points + [0.5, 0.5, 0]) / [x, y, (x + y) / 2] - [0.5, 0.5, 0]).astype(np.float32)


def _overlay(face: "Face") -> np.ndarray:
    if not len(face.triangles):
        return _landmarks(face)
    return render.overlay(face.photo.pixels, in_memory(face, face.vertices), face.triangles)


def _landmarks(face: "Face") -> np.ndarray:
    return render.draw_landmarks(face.photo.pixels, in_memory(face, face.landmarks))


def _mesh_alone(draw: Callable[..., np.ndarray]) -> Callable[["Face"], np.ndarray]:
    def picture(face: "Face") -> np.ndarray:
        return draw(in_memory(face, face.vertices), face.triangles, *face.photo.pixels.shape[:2])

    return picture


_STYLES: dict[str, Callable[["Face"], np.ndarray]] = {
    "overlay": _overlay,
    "shaded": _mesh_alone(render.shade),
    "depth": _mesh_alone(render.depth_map),
    "normals": _mesh_alone(render.normal_map),
    "landmarks": _landmarks,
}
