"""Mesh files for viewers and engines (OBJ, PLY, GLB), and files of UV position maps (EXR, 16-bit PNG, NumPy)."""

from pyface3d.export.mesh import Mesh
from pyface3d.export.motion import Motion
from pyface3d.export.position_map import load_position_map, save_position_map
from pyface3d.export.save import save_mesh

__all__ = ["Mesh", "Motion", "load_position_map", "save_mesh", "save_position_map"]
