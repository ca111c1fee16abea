"""Fills the page's template with faces."""

import base64
import html
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np
from PIL import Image

from pyface3d.atomic import write_whole
from pyface3d.foreign.names import printable
from pyface3d.foreign.text import json_text
from pyface3d.morphable import MorphableModel
from pyface3d.page.payload import QUANTUM, RADIUS, Payload
from pyface3d.page.shape import SKIN, PageModel

_SHADERS = "square.vert synthesize.frag normals.frag anchor.frag face.vert face.frag point.vert point.frag".split()
_SCRIPTS = "payload.js matrix.js program.js shared.js renderer.js views.js controls.js meshes.js main.js".split()
_LARGEST = 50  # radii of a head, beyond which a vertex is no part of one
_LEAST_PIXELS = 8  # of a photo, and of a face in it
_PHOTO_SIZE = 640  # pixels of the longer side of a photo on the page


@dataclass
class PageFace:
    """One face on a page.

    Args:
        title: what the face is called on the page, for example the photo's name.
        coeffs: (K,) coefficients of the page's face model.
        vertices: (N, 3) the face in the model frame where the model alone cannot express it; sliders move it too.
        pose: (3, 4) affine map from the model frame to the photo's pixels: x right, y down, larger z nearer.
        photo: (H, W, 3) uint8 RGB.
        method: name of the method, shown when methods are compared.
        subject: faces with the same subject are the same person seen by several methods; default: the title.
        attributes: name to probability in [0, 1].
        facts: further lines of the parameter read-out.
    """

    title: str
    coeffs: np.ndarray
    vertices: np.ndarray | None = None
    pose: np.ndarray | None = None
    photo: np.ndarray | None = None
    method: str = ""
    subject: str | None = None
    attributes: Mapping[str, float] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_page(path: str | os.PathLike[str], faces: Sequence[PageFace], model: MorphableModel, **options: Any) -> Path:
    """Write an interactive page; faces, model and ``options`` as in :func:`build_page`.

    Example:
        >>> model = MorphableModel.default("head", expression="blendshapes")
        >>> write_page("face.html", [PageFace("mean face", np.zeros(model.n_coeffs))], model)
    """
    path = Path(path)
    text = build_page(faces, model, **options)
    write_whole(path, text.encode("utf-8"))
    return path


def build_page(
    faces: Sequence[PageFace],
    model: MorphableModel,
    *,
    title: str = "pyface3d",
    layout: Literal["viewer", "gallery"] = "viewer",
    still: np.ndarray | None = None,
) -> str:
    """The HTML of an interactive page: one file, no network.

    Args:
        faces: the faces to show, at least one.
        model: face model whose modes become the sliders.
        title: heading of the page.
        layout: "viewer" puts the first face on show; "gallery" puts all of them in a grid above it.
        still: (H, W, 3) uint8 picture for browsers without WebGL2; default: the photo of the first face.

    Raises:
        ValueError: no faces, an unknown layout, or coefficients that do not fit the model.
    """
    if not faces:
        raise ValueError("build_page: faces must hold at least one face, got none")
    if layout not in ("viewer", "gallery"):
        raise ValueError(f"build_page: layout must be 'viewer' or 'gallery', got {layout!r}")
    payload, shape = Payload(), PageModel(model)
    scene: dict[str, Any] = {"model": shape.describe(payload), "photos": [], "faces": []}
    for face in faces:
        scene["faces"].append(_face(face, shape, payload, scene["photos"]))
    scene["arrays"] = payload.table
    if still is None and scene["photos"]:
        picture = scene["photos"][0]["source"]
    else:
        picture = None if still is None else _jpeg(still)
    return Template(_read("template.html")).substitute(
        title=html.escape(printable(title)),
        layout=layout,
        style=_read("style.css"),
        still=f'<img src="{picture}" alt="A still picture of the face">' if picture else "",
        scene=_script_safe(scene),
        arrays=payload.text(),
        shaders=_script_safe({name: _read(name) for name in _SHADERS}),
        script="\n".join(_read(name) for name in _SCRIPTS),
    )


def _face(face: PageFace, shape: PageModel, payload: Payload, photos: list[dict[str, Any]]) -> dict[str, Any]:
    face = _showable(face, shape)
    coefficients = shape.coefficients(face.coeffs)
    entry: dict[str, Any] = {
        "title": printable(face.title),
        "method": printable(face.method),
        "subject": printable(face.title if face.subject is None else face.subject),
        "coefficients": [round(float(value), 5) for value in coefficients],
        "residual": None,
        "photo": None,
        "pose": None,
        "skin": SKIN,
        "texture": None,
        "attributes": _probabilities(face.attributes) if face.attributes else None,
        "facts": {printable(str(name)): printable(str(value)) for name, value in face.facts.items()},
    }
    vertices = shape.vertices(face.coeffs, face.vertices)  # (N, 3) in page units
    residual = vertices - shape.synthesize(coefficients)
    if np.abs(residual).max(initial=0.0) > QUANTUM:
        entry["residual"] = payload.add_quantized(f"residual{len(payload.table)}", residual)
    if face.photo is not None and face.pose is not None:
        photo, pose = _crop(face.photo, shape.pose(face.pose), vertices)
        entry["pose"] = np.round(pose, 6).tolist()
        entry["photo"] = len(photos)
        entry["skin"] = _skin_color(photo, pose, shape)
        if shape.chart.usable:
            entry["texture"] = _jpeg(shape.chart.texture(photo, vertices @ pose[:, :3].T + pose[:, 3]))
        height, width = photo.shape[:2]
        photos.append({"width": width, "height": height, "type": "image/jpeg", "source": _jpeg(photo)})
    return entry


def _showable(face: PageFace, shape: PageModel) -> PageFace:
    """The face as far as a browser can draw it: what is not finite or far beyond a face is left out, and said so."""
    lacking: dict[str, str] = {}
    if not _is_drawable(face, shape) and face.vertices is not None:
        face, lacking["shape"] = replace(face, vertices=None), "its own shape"
    if not _is_drawable(face, shape):
        face, lacking["shape"] = replace(face, coeffs=np.zeros_like(face.coeffs, np.float64)), "the face"
    if face.photo is not None and face.pose is not None and not _is_placed(face, shape):
        face, lacking["photo"] = replace(face, photo=None, pose=None), "its photo"
    if not lacking:
        return face
    return replace(face, facts={**face.facts, "shown without": " and ".join(lacking.values())})


def _is_drawable(face: PageFace, shape: PageModel) -> bool:
    if not np.isfinite(face.coeffs).all():
        return False
    with np.errstate(all="ignore"):  # of what overflows, the answer is no
        vertices = shape.vertices(face.coeffs, face.vertices)
    return bool(np.isfinite(vertices).all()) and float(np.abs(vertices).max(initial=0.0)) < _LARGEST * RADIUS


def _is_placed(face: PageFace, shape: PageModel) -> bool:
    """Whether the face covers some pixels of a photo that has some."""
    pose = np.asarray(face.pose, np.float64)
    assert face.photo is not None
    if min(np.shape(face.photo)[:2]) < _LEAST_PIXELS or not np.isfinite(pose).all() or np.abs(pose).max() > 1e9:
        return False
    projection = shape.pose(pose)
    size = np.ptp(shape.vertices(face.coeffs, face.vertices) @ projection[:2, :3].T, axis=0).max()
    return bool(_LEAST_PIXELS <= size < 1e6)


def _probabilities(attributes: Mapping[str, float]) -> dict[str, float | None]:
    """Probabilities by name; null for what is none."""
    return {printable(name): float(v) if 0 <= v <= 1 else None for name, v in attributes.items()}


def _crop(photo: np.ndarray, pose: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photo around the face, at most ``_PHOTO_SIZE`` pixels, and the pose into it."""
    points = vertices @ pose[:2, :3].T + pose[:2, 3]  # (N, 2)
    low, high = points.min(0), points.max(0)
    margin = 0.35 * float((high - low).max())
    size = np.array([photo.shape[1], photo.shape[0]])
    left, top = np.clip(np.floor(low - margin), 0, size - 2).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), np.array([left, top]) + 2, size).astype(int)
    cropped = photo[top:bottom, left:right]
    pose = pose.astype(np.float64).copy()
    pose[:2, 3] -= left, top
    scale = _PHOTO_SIZE / max(cropped.shape[:2])
    if scale < 1:
        wanted = [max(1, round(side * scale)) for side in (right - left, bottom - top)]
        cropped = np.asarray(Image.fromarray(cropped).resize((wanted[0], wanted[1]), Image.Resampling.LANCZOS))
        for row, ratio in ((0, wanted[0] / (right - left)), (1, wanted[1] / (bottom - top)), (2, scale)):
            pose[row] *= ratio
            pose[row, 3] += (ratio - 1) / 2 if row < 2 else 0.0  # pixel centers are at integers
    return cropped, pose


def _skin_color(photo: np.ndarray, pose: np.ndarray, shape: PageModel) -> list[float]:
    """The median color of the photo between the landmarks, where no hair is expected."""
    if not len(shape.corners):
        return list(SKIN)
    middle, radius = shape.landmark_ball()
    inside = shape.mean[np.linalg.norm(shape.mean - middle, axis=1) < 0.8 * radius]
    x, y = np.round(inside @ pose[:2, :3].T + pose[:2, 3]).astype(int).T
    seen = (x >= 0) & (y >= 0) & (x < photo.shape[1]) & (y < photo.shape[0])
    colors = photo[y[seen], x[seen]]
    return [round(float(value) / 255, 3) for value in np.median(colors, axis=0)] if len(colors) else list(SKIN)


def _jpeg(picture: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).convert("RGB").save(stream, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _script_safe(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json_text(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _read(name: str) -> str:
    return resources.files("pyface3d.page").joinpath(name).read_text(encoding="utf-8")
