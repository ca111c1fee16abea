"""The record of each op. A new one is added here, and everything that is checked of ops is checked of it."""

from pyface3d.testing.record import OpRecord
from pyface3d.testing.records import (
    attribute_loss,
    interpolate,
    position_map_loss,
    project_weak_perspective,
    rasterize,
    render_position_map,
    sample_position_map,
    shade_surface,
    synthesize_shape,
    vertex_distance,
    vertex_normals,
    wing_loss,
    wing_vertex_loss,
    wpdc_loss,
)

_RECORDS = (
    synthesize_shape.RECORD,
    project_weak_perspective.RECORD,
    vertex_distance.RECORD,
    wing_loss.RECORD,
    wing_vertex_loss.RECORD,
    wpdc_loss.RECORD,
    wpdc_loss.RESAMPLED,
    wpdc_loss.WEIGHTS,
    attribute_loss.RECORD,
    position_map_loss.RECORD,
    render_position_map.SYNTHESIS,
    render_position_map.RECORD,
    sample_position_map.RECORD,
    rasterize.RECORD,
    interpolate.RECORD,
    vertex_normals.RECORD,
    shade_surface.RECORD,
)
#: every op's record by its name
RECORDS: dict[str, OpRecord] = {record.name: record for record in _RECORDS}
