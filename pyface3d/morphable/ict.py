"""ICT-FaceKit light (USC Institute for Creative Technologies, MIT license): the published OBJ files, or one npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_text
from pyface3d.foreign.text import read_json
from pyface3d.morphable.model import MorphableModel

# The published README: vertices of the parts in order (part name, one past its last vertex) and of the 68 landmarks.
_PART_ENDS = (
    ("face", 9409), ("head_and_neck", 11248), ("mouth_socket", 13294), ("eye_socket_left", 13678),
    ("eye_socket_right", 14062), ("gums_and_tongue", 17039), ("teeth", 21451), ("eyeball_left", 23021),
    ("eyeball_right", 24591), ("lacrimal_fluid_left", 24795), ("lacrimal_fluid_right", 24999),
    ("eye_blend_left", 25023), ("eye_blend_right", 25047), ("eye_occlusion_left", 25199),
    ("eye_occlusion_right", 25351), ("eyelashes_left", 26035), ("eyelashes_right", 26719),
)  # fmt: skip
_LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957,
    5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip


@dataclass
class IctFaceKit:
    """The published arrays: N = 26,719 vertices, F = 52,220 triangles, 100 identity modes, 53 blendshapes.

    Attributes:
        mean: (N, 3) cm.
        triangles: (F, 3) vertex ids.
        uv: (T, 2) texture coordinates; each texture lies in a tile [k, k + 1] of its own.
        uv_triangles: (F, 3) uv ids.
        identity: (100, N, 3) displacements of one standard deviation.
        expression: (53, N, 3) displacements of the blendshapes.
        expression_names: their 53 names.
        landmarks: (68,) vertex ids.
        parts: part name to (first, one past the last) vertex id.
    """

    mean: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    expression_names: list[str]
    landmarks: np.ndarray
    parts: dict[str, tuple[int, int]]


def read_ict(path: str | Path) -> IctFaceKit:
    """Read ICT-FaceKit from the published folder of OBJ files (``FaceXModel``), or from its npz."""
    path = Path(path)
    return _read_folder(path) if path.is_dir() else _read_npz(path)


def load_ict(path: str | Path) -> MorphableModel:
    """The whole published model: 100 identity modes in standard deviations, the 53 blendshapes as expression."""
    kit = read_ict(path)
    n = len(kit.mean)
    if any(not 0 <= start <= end <= n for start, end in kit.parts.values()):
        raise ValueError(f"load_model: {path} is damaged: its parts must lie in its {n} vertices")
    tiles = np.zeros_like(kit.uv)
    tiles[kit.uv_triangles] = np.floor(kit.uv[kit.uv_triangles].mean(axis=1, keepdims=True))
    return MorphableModel(
        kit.mean,
        kit.identity.transpose(1, 2, 0).astype(np.float32),
        kit.expression.transpose(1, 2, 0).astype(np.float32),
        kit.triangles,
        uv=kit.uv - tiles,
        uv_triangles=kit.uv_triangles,
        landmarks=kit.landmarks,
        parts={name: np.arange(start, end) for name, (start, end) in kit.parts.items()},
        expression_names=kit.expression_names,
        unit="cm",
        name="ict",
    )


def _read_npz(path: Path) -> IctFaceKit:
    file = read_npz(path)
    with reading(path):
        ranges = {str(name): (int(a), int(b)) for name, (a, b) in zip(file["part_names"], file["part_vertex_range"])}
        del ranges["narrow_face"]  # a piece of the face, not a part of its own
        return IctFaceKit(
            mean=file["mean"],
            triangles=file["triangles"],
            uv=file["uv"],
            uv_triangles=file["triangle_uv"],
            identity=file["identity"],
            expression=file["expression"],
            expression_names=file["expression_names"].tolist(),
            landmarks=file["landmarks68"],
            parts=ranges,
        )


def _read_folder(folder: Path) -> IctFaceKit:
    with reading(folder):
        return _assembled(folder)


def _assembled(folder: Path) -> IctFaceKit:
    mean, uv, triangles, uv_triangles = _read_obj(folder / "generic_neutral_mesh.obj")
    names = _expressions(folder)
    displacement = lambda name: _read_vertices(folder / f"{name}.obj") - mean  # noqa: E731
    identity = [displacement(file.stem) for file in sorted(folder.glob("identity[0-9][0-9][0-9].obj"))]
    starts = [0, *(end for _, end in _PART_ENDS)]
    return IctFaceKit(
        mean=mean.astype(np.float32),
        triangles=triangles,
        uv=uv.astype(np.float32),
        uv_triangles=uv_triangles,
        identity=np.array(identity, np.float32).reshape(-1, *mean.shape),
        expression=np.array([displacement(name) for name in names], np.float32).reshape(-1, *mean.shape),
        expression_names=names,
        landmarks=np.array(_LANDMARKS),
        parts={name: (start, end) for start, (name, end) in zip(starts, _PART_ENDS)},
    )


def _expressions(folder: Path) -> list[str]:
    names = read_json(folder / "vertex_indices.json")["expressions"]
    if any(not isinstance(name, str) or "/" in name or "\\" in name for name in names):
        raise ValueError("vertex_indices.json names files outside the folder")
    return names


def _read_vertices(path: Path) -> np.ndarray:
    """(N, 3) float64 vertices of an OBJ file."""
    lines = read_text(path).splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64).reshape(-1, 3)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, uv, triangles and uv triangles of an OBJ file, its polygons cut into fans."""
    lines = read_text(path).splitlines()
    uv = np.array([line.split()[1:3] for line in lines if line.startswith("vt ")], np.float64)
    corners = []  # (vertex, uv) of each triangle's corners
    for line in lines:
        if line.startswith("f "):
            polygon = [tuple(int(i) - 1 for i in corner.split("/")[:2]) for corner in line.split()[1:]]
            corners += [(polygon[0], b, c) for b, c in zip(polygon[1:], polygon[2:])]
    both = np.array(corners, np.int32)  # (F, 3, 2)
    return _read_vertices(path), uv, both[..., 0], both[..., 1]
