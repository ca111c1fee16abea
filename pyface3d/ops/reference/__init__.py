"""The slow truth of each op in plain torch: what the kernels must equal. For tests, benchmarks and double backward."""

from pyface3d.ops.reference.attribute_loss import attribute_loss
from pyface3d.ops.reference.interpolate import interpolate
from pyface3d.ops.reference.position_map_loss import position_map_loss
from pyface3d.ops.reference.project_weak_perspective import project_weak_perspective
from pyface3d.ops.reference.rasterize import rasterize
from pyface3d.ops.reference.render_position_map import render_position_map
from pyface3d.ops.reference.sample_position_map import sample_position_map
from pyface3d.ops.reference.shade_surface import shade_surface
from pyface3d.ops.reference.synthesize_position_map import synthesize_position_map
from pyface3d.ops.reference.synthesize_shape import synthesize_shape
from pyface3d.ops.reference.vertex_distance import vertex_distance
from pyface3d.ops.reference.vertex_normals import vertex_normals
from pyface3d.ops.reference.wing_loss import wing_loss
from pyface3d.ops.reference.wing_vertex_loss import wing_vertex_loss
from pyface3d.ops.reference.wpdc_loss import wpdc_loss, wpdc_weights

__all__ = [
    "attribute_loss",
    "interpolate",
    "position_map_loss",
    "project_weak_perspective",
    "rasterize",
    "render_position_map",
    "sample_position_map",
    "shade_surface",
    "synthesize_position_map",
    "synthesize_shape",
    "vertex_distance",
    "vertex_normals",
    "wing_loss",
    "wing_vertex_loss",
    "wpdc_loss",
    "wpdc_weights",
]
