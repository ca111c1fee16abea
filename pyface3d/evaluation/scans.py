"""3-D scans with a few named landmarks: reading, cropping and drawing them from any side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from torch import Tensor

from pyface3d.camera import angles_to_rotation, compose_pose, flip_y
from pyface3d.foreign.text import read_json
from pyface3d.ops import interpolate, rasterize, vertex_normals

#: names of scan landmarks -> 0-based iBUG point; right and left are the subject's
NAMED_POINTS = {
    "outer_eye_right": 36,
    "inner_eye_right": 39,
    "inner_eye_left": 42,
    "outer_eye_left": 45,
    "nose_tip": 30,
    "nose_bottom": 33,
    "mouth_right": 48,
    "mouth_left": 54,
}

_SUFFIXES = (".obj", ".ply", ".stl", ".off")


@dataclass(frozen=True)
class Scan:
    """A scanned face in millimeters: x to the subject's left, y up, z out of the face.

    Attributes:
        name: of the subject or file.
        vertices: (M, 3) float64.
        triangles: (F, 3) int64.
        landmarks: name (:data:`NAMED_POINTS`) -> (3,).
        colors: (M, 3) in [0, 1], or None: drawn as gray clay.
    """

    name: str
    vertices: np.ndarray
    triangles: np.ndarray
    landmarks: Mapping[str, np.ndarray]
    colors: np.ndarray | None = None

    def points(self, names: Sequence[str]) -> np.ndarray:
        """(len(names), 3) landmarks of these names; a missing one is named in the error."""
        missing = [name for name in names if name not in self.landmarks]
        if missing:
            raise ValueError(
                f"Scan {self.name}: this protocol needs landmarks {', '.join(missing)}, which its file does not give"
            )
        return np.stack([self.landmarks[name] for name in names])

    def region(self, center: np.ndarray, radius: float) -> np.ndarray:
        """(R, 3) vertices within ``radius`` of ``center``."""
        return self.vertices[np.linalg.norm(self.vertices - center, axis=1) <= radius]


def named_points(landmarks68: np.ndarray) -> dict[str, np.ndarray]:
    """The named landmarks among (68, 3) iBUG points."""
    return {name: np.asarray(landmarks68[index], dtype=np.float64) for name, index in NAMED_POINTS.items()}


def load_scan(path: str | Path) -> Scan:
    """Reads a mesh and, beside it, ``<stem>.landmarks.json``.

    The JSON holds either ``{"nose_tip": [x, y, z], ...}`` with the names of :data:`NAMED_POINTS` or ``{"ibug68": [[x,
    y, z], ...]}``, in the mesh's coordinates (millimeters).

    Args:
        path: .obj, .ply, .stl or .off.

    Raises:
        ValueError: if the mesh or its landmarks cannot be used.
        FileNotFoundError: if there are no landmarks beside the mesh.
    """
    path = Path(path)
    sidecar = path.with_name(f"{path.stem}.landmarks.json")
    if not sidecar.exists():
        raise FileNotFoundError(
            f"load_scan: {path.name} needs landmarks in {sidecar.name} beside it (see docs/evaluation.md)"
        )
    given = read_json(sidecar, "load_scan")
    if not isinstance(given, dict):
        raise ValueError(f"load_scan: {sidecar} must hold an object, name to point")
    points = named_points(np.asarray(given["ibug68"])) if "ibug68" in given else given
    unknown = set(points) - set(NAMED_POINTS)
    if unknown:
        raise ValueError(
            f"load_scan: {sidecar.name} names {', '.join(sorted(unknown))}; known are {', '.join(NAMED_POINTS)}"
        )
    mesh = trimesh.load(path, force="mesh", process=False)
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise ValueError(f"load_scan: {path.name} holds no triangles")
    landmarks = {name: np.asarray(point, dtype=np.float64) for name, point in points.items()}
    return Scan(
        path.stem,
        np.asarray(mesh.vertices, dtype=np.float64),
        np.asarray(mesh.faces, dtype=np.int64),
        landmarks,
        _colors(mesh),
    )


def _colors(mesh: trimesh.Trimesh) -> np.ndarray | None:
    """Color of each vertex, read off the texture where there is one."""
    visual = mesh.visual
    if visual is None or not visual.defined:
        return None
    visual = visual.to_color() if isinstance(visual, trimesh.visual.TextureVisuals) else visual
    return np.asarray(visual.vertex_colors)[:, :3] / 255


def load_scans(folder: str | Path) -> list[Scan]:
    """All scans of a folder and its subfolders, in the order of their paths.

    Raises:
        FileNotFoundError: if there is none.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"load_scans: no mesh ({', '.join(_SUFFIXES)}) under {folder}")
    return [load_scan(path) for path in paths]


@dataclass(frozen=True)
class View:
    """A picture of a scan and the camera it was taken with.

    Attributes:
        scan: what is seen.
        image: (3, S, S) uint8 RGB.
        pose: (3, 4) [f R | t] from the scan's millimeters to the picture's y-up frame (flip ``"face3d"``).
        pitch: degrees.
        yaw: degrees.
    """

    scan: Scan
    image: Tensor
    pose: Tensor
    pitch: float
    yaw: float


def draw_view(scan: Scan, pitch: float, yaw: float, size: int, side: float = 210.0, radius: float = 95.0) -> View:
    """Draws a scan, turned, into a square crop around the face.

    Args:
        scan: with landmark ``nose_tip``.
        pitch: degrees, 300W-LP's sign.
        yaw: degrees.
        size: side of the picture in pixels.
        side: side of the picture in millimeters; the default frames a face as 3DDFA's landmark rule does.
        radius: the picture is centered on what lies within this distance of the nose tip, millimeters.

    Returns:
        The view; vertex colors under a light from the camera, or gray clay, on black.
    """
    rotation = angles_to_rotation(torch.deg2rad(torch.tensor([pitch, yaw, 0.0], dtype=torch.float64)))
    face = torch.from_numpy(scan.region(scan.points(["nose_tip"])[0], radius)) @ rotation.T
    center = (face.amin(0) + face.amax(0)) / 2
    scale = size / side
    translation = torch.cat([(size - 1) / 2 - scale * center[:2], -scale * center[2:]])
    pose = compose_pose(torch.tensor(scale, dtype=torch.float64), rotation, translation).float()
    return View(scan, _draw(scan, pose, size), pose, pitch, yaw)


def _draw(scan: Scan, pose: Tensor, size: int) -> Tensor:
    triangles = torch.from_numpy(scan.triangles)
    up = torch.from_numpy(scan.vertices).float() @ pose[:, :3].T + pose[:, 3]
    light = 0.35 + 0.65 * vertex_normals(up[None], triangles)[0, :, 2:].clamp(min=0)  # from the camera
    colors = torch.full((len(up), 3), 0.7) if scan.colors is None else torch.from_numpy(scan.colors).float()
    ids, weights, _ = rasterize(flip_y(up, size, "face3d")[None].contiguous(), triangles, size, size)
    picture = interpolate((colors * light)[None].contiguous(), ids, weights, triangles)[0]
    return (255 * picture.clamp(0, 1)).round().to(torch.uint8).permute(2, 0, 1)
