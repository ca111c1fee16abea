"""Binary PLY with normals and vertex colors."""

from pathlib import Path

import numpy as np

from pyface3d.atomic import write_whole
from pyface3d.export.mesh import Mesh

_TYPES = {"<f4": "float", "u1": "uchar"}


def save_ply(path: Path, mesh: Mesh) -> None:
    """Writes ``path``."""
    columns = {"x y z": mesh.vertices, "nx ny nz": mesh.normals()}
    if mesh.colors is not None:
        columns["red green blue"] = mesh.colors
    layout = [(name, "u1" if a.dtype == np.uint8 else "<f4") for names, a in columns.items() for name in names.split()]
    rows = np.empty(len(mesh.vertices), layout)
    for names, array in columns.items():
        for name, column in zip(names.split(), array.T):
            rows[name] = column
    faces = np.empty(len(mesh.triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.triangles
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(rows)}",
        *(f"property {_TYPES[kind]} {name}" for name, kind in layout),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    write_whole(path, "\n".join(header).encode() + rows.tobytes() + faces.tobytes())
