"""Fused differentiable operations of 3DMM face reconstruction, as torch custom ops (CPU and CUDA)."""

from pyface3d import _ext  # noqa: F401  (registers the kernels)
from pyface3d.ops.attribute_loss import attribute_loss
from pyface3d.ops.interpolate import interpolate
from pyface3d.ops.laplacian_smoothness import laplacian_smoothness
from pyface3d.ops.mobilenet import mobilenet
from pyface3d.ops.position_map_loss import position_map_loss
from pyface3d.ops.project_perspective import project_perspective
from pyface3d.ops.project_weak_perspective import project_weak_perspective
from pyface3d.ops.rasterize import rasterize
from pyface3d.ops.render_position_map import render_position_map
from pyface3d.ops.sample_position_map import sample_position_map
from pyface3d.ops.shade_surface import shade_surface
from pyface3d.ops.skin_vertices import skin_vertices
from pyface3d.ops.synthesize_position_map import synthesize_position_map
from pyface3d.ops.synthesize_shape import synthesize_shape
from pyface3d.ops.vertex_distance import vertex_distance
from pyface3d.ops.vertex_normals import vertex_normals
from pyface3d.ops.wing_loss import wing_loss
from pyface3d.ops.wing_vertex_loss import wing_vertex_loss
from pyface3d.ops.wpdc_loss import wpdc_loss, wpdc_weights

__all__ = [
    "attribute_loss",
    "interpolate",
    "laplacian_smoothness",
    "mobilenet",
    "position_map_loss",
    "project_perspective",
    "project_weak_perspective",
    "rasterize",
    "render_position_map",
    "sample_position_map",
    "shade_surface",
    "skin_vertices",
    "synthesize_position_map",
    "synthesize_shape",
    "vertex_distance",
    "vertex_normals",
    "wing_loss",
    "wing_vertex_loss",
    "wpdc_loss",
    "wpdc_weights",
]
