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
from pyface3d.export.usd import save_usd

_STILL: dict[str, Callable[[Path, Mesh], None]] = {".obj": save_obj, ".ply": save_ply}
_MOVING: dict[str, Callable[[Path, Mesh, Motion | None], None]] = {
    ".glb": save_glb, ".usda": save_usd, ".usdc": save_usd,
}  # fmt: skip


def save_mesh(path: str | os.PathLike, mesh: Mesh, motion: Motion | None = None) -> None:
    """Writes a mesh as OBJ, PLY, GLB or USD, by the file's name; every file whole or not at all.

    * ``.obj``: vertices in the order given, uv, normals; the texture as PNG and the material as MTL beside it; vertex
      colors behind the coordinates where there is no texture.
    * ``.ply``: binary, vertices in the order given, normals, colors.
    * ``.glb``: glTF 2.0: normals, uv, texture or colors, morph targets with their names and weights.
    * ``.usda``, ``.usdc``: USD with blend shapes by their names, by the extra ``usd``; the texture as PNG beside it.

    Args:
        path: file to write.
        mesh: what to write.
        motion: how it moves; GLB and USD only.

    Raises:
        ValueError: another ending, motion in a file that cannot hold it, or vertices that are not finite.
        OSError: a file cannot be written.
        ImportError: USD without ``usd-core``.

    Example:
        >>> save_mesh("face.glb", Mesh.from_model(model))
    """
    ending = Path(path).suffix.lower()
    if ending not in _STILL | _MOVING:
        raise ValueError(f"save_mesh: path must end in {', '.join(_STILL | _MOVING)}, got {path}")
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("save_mesh: vertices must be finite; drop the triangles of those that are not")
    if ending in _MOVING:
        _MOVING[ending](Path(path), mesh, motion)
    elif motion is None:
        _STILL[ending](Path(path), mesh)
    else:
        raise ValueError(f"save_mesh: only {', '.join(_MOVING)} hold motion, got {path}")
