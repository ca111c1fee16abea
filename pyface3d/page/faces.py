"""Faces on the interactive page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pyface3d.fitting import fit_shape
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.default import arkit_coeffs
from pyface3d.page.build import PageFace, build_page, write_page

_EMBEDDED = {"ict_face": "face", "ict_head": "head"}


def write_faces_page(path: str | os.PathLike[str], faces: Sequence[Any], **options: Any) -> Path:
    """Write the page of faces; arguments as in ``faces_page``."""
    page_faces, model = page_of_faces(faces)
    return write_page(path, page_faces, model, still=_still(faces), **_arguments(faces, **options))


def faces_page(faces: Sequence[Any], **options: Any) -> str:
    """The HTML of an interactive page with faces of one face model.

    A face is a :class:`pyface3d.reconstructor.Face`, which a room above makes.

    Faces with the same photo and number are compared as one person seen by several methods.

    Args:
        faces: at least one.
        options: ``title``, and ``layout`` "viewer" or "gallery" (default: a gallery above eight faces).
    """
    page_faces, model = page_of_faces(faces)
    return build_page(page_faces, model, still=_still(faces), **_arguments(faces, **options))


def page_of_faces(faces: Sequence[Any]) -> tuple[list[PageFace], MorphableModel]:
    """The faces as the page takes them, and the model whose modes become sliders.

    Faces of the embedded model move by ARKit's named blendshapes and get eyes, mouth and neck, unless one of them is a
    position map, which knows the face alone.
    """
    model = faces[0].reconstruction.model
    if any(face.reconstruction.model.name != model.name for face in faces):
        raise ValueError("a page takes faces of one face model")
    maps = any(face.reconstruction.position_map is not None for face in faces)
    if model.name not in _EMBEDDED:
        return [_page_face(face, model, model) for face in faces], model
    whole = MorphableModel.default("face" if maps else "head")
    sliders = MorphableModel.default("face" if maps else "head", expression="arkit")
    return [_page_face(face, whole, sliders) for face in faces], sliders


def _page_face(face: Any, whole: MorphableModel, sliders: MorphableModel) -> PageFace:
    """A face whose shape is made by ``whole`` and moved by ``sliders``, two bases of the same vertices."""
    answer = face.reconstruction
    if answer.position_map is not None:
        coeffs, vertices = _fitted(face, whole)
    else:
        coeffs = answer.coeffs[0].float().cpu()
        vertices = whole.synthesize(coeffs[None])[0].numpy()
    if sliders is not whole and sliders.n_expression != whole.n_expression:
        coeffs = arkit_coeffs(whole, sliders, coeffs[None])[0]
    angles = "  ".join(f"{name} {degrees:.1f}°" for name, degrees in face.angles.items())
    return PageFace(
        title=Path(face.photo.name).name + (f" #{face.index + 1}" if face.index else ""),
        coeffs=coeffs.numpy(),
        vertices=vertices,
        pose=face.photo.pose_to_memory(face.photo_pose),
        photo=face.photo.pixels,
        method=face.method,
        subject=f"{face.photo.name}#{face.index}",
        attributes=face.attributes or None,
        facts={"pose": angles, "vertices": len(face.vertices), "box": " ".join(f"{value:.0f}" for value in face.box)},
    )


def _fitted(face: Any, model: MorphableModel) -> tuple[torch.Tensor, np.ndarray]:
    """Coefficients nearest to the shape of a position map, and its vertices; those it does not know are the model's."""
    ids = face.reconstruction.atlas.vertex_ids.cpu().numpy()
    coeffs = fit_shape(model, face.shape, ids)
    vertices = model.synthesize(coeffs[None])[0].numpy()
    vertices[ids] = face.shape
    return coeffs, vertices


def _still(faces: Sequence[Any]) -> np.ndarray:
    """The overlay around the first face, for browsers without WebGL2."""
    face = faces[0]
    left, top, right, bottom = face.photo.to_memory(face.roi[None])[0]
    height, width = face.photo.pixels.shape[:2]
    columns = slice(int(np.clip(left, 0, width - 2)), int(np.clip(right, 2, width)))
    rows = slice(int(np.clip(top, 0, height - 2)), int(np.clip(bottom, 2, height)))
    picture = face.render("overlay")[rows, columns]
    return picture if picture.size else face.photo.pixels


def _arguments(
    faces: Sequence[Any], title: str = "pyface3d", layout: Literal["viewer", "gallery"] | None = None
) -> dict[str, Any]:
    return {"title": title, "layout": layout or ("gallery" if len(faces) > 8 else "viewer")}
