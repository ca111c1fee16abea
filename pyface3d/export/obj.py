"""Wavefront OBJ with its MTL and texture."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pyface3d.atomic import atomic_write, write_whole
from pyface3d.export.mesh import Mesh


def save_obj(path: Path, mesh: Mesh) -> None:
    """Writes ``path``, and with a texture also its .mtl and -texture.png; the .obj, which names them, comes last.

    The texture has a name of its own: a photo ``face.png`` beside ``face.obj`` is not written over.
    """
    lines = io.StringIO()
    if mesh.texture is not None:
        material, picture = path.with_suffix(".mtl"), path.with_name(f"{path.stem}-texture.png")
        with atomic_write(picture) as stream:
            Image.fromarray(mesh.texture).save(stream, "PNG")
        write_whole(material, _material(picture.name).encode())
        lines.write(f"mtllib {material.name}\nusemtl face\n")
    vertices, shape = mesh.vertices, "v %.7g %.7g %.7g"
    if mesh.colors is not None and mesh.texture is None:
        vertices, shape = np.hstack([vertices, mesh.colors / 255]), shape + " %.4f %.4f %.4f"
    _write_rows(lines, shape, vertices)
    _write_rows(lines, "vn %.5f %.5f %.5f", mesh.normals())
    corners = mesh.triangles + 1  # 1-based
    if mesh.uv is None:
        _write_rows(lines, "f %d//%d %d//%d %d//%d", np.repeat(corners, 2, 1))
    else:
        _write_rows(lines, "vt %.7g %.7g", mesh.uv)
        table = np.stack([corners, mesh.chart + 1, corners], 2).reshape(len(corners), 9)
        _write_rows(lines, "f %d/%d/%d %d/%d/%d %d/%d/%d", table)
    write_whole(path, lines.getvalue().encode())


def _material(picture: str) -> str:
    return f"newmtl face\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nd 1\nillum 1\nmap_Kd {picture}\n"


def _write_rows(lines: io.StringIO, shape: str, rows: np.ndarray) -> None:
    lines.writelines(shape % tuple(row) + "\n" for row in rows.tolist())
