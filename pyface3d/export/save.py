"""Meshes written to files, by the file's name."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pyface3d.export.glb import save_glb
from pyface3d.export.mesh import Mesh
from pyface3d.export.motion import Motion
from pyface3d.export.obj import save_obj
from pyface3d.export.ply import save_ply

_WRITERS: dict[str, Callable[[Path, Mesh], None]] = {".obj": save_obj, ".ply": save_ply, ".glb": save_glb}


def save_mesh(path: str | os.PathLike, mesh: Mesh, motion: Motion | None = None) -> None:
    """Writes a mesh as OBJ, PLY or GLB, by the file's name; every file whole or not at all.

    * ``.obj``: vertices in the order given, uv, normals; the texture as PNG and the material as MTL beside it; vertex
      colors behind the coordinates where there is no texture.
    * ``.ply``: binary, vertices in the order given, normals, colors.
    * ``.glb``: glTF 2.0: normals, uv, texture or colors, morph targets with their names and weights.

    Args:
        path: file to write.
        mesh: what to write.
        motion: how it moves; GLB only.

    Raises:
        ValueError: another ending, motion in a file that cannot hold it, or vertices that are not finite.
        OSError: a file cannot be written.

    Example:
        >>> save_mesh("face.glb", Mesh.from_model(model))
    """
    ending = Path(path).suffix.lower()
    if ending not in _WRITERS:
        raise ValueError(f"save_mesh: path must end in {', '.join(_WRITERS)}, got {path}")
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("save_mesh: vertices must be finite; drop the triangles of those that are not")
    if motion is None:
        _WRITERS[ending](Path(path), mesh)
    elif ending == ".glb":
        save_glb(Path(path), mesh, motion)
    else:
        raise ValueError(f"save_mesh: only .glb holds motion, got {path}")
