"""ICT-FaceKit light as published (USC Institute for Creative Technologies, MIT licence)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


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
    """Read ICT-FaceKit from its npz."""
    with np.load(path) as file:
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
