"""UV position maps: the atlas of a model's chart, its areas and landmarks."""

from pyface3d.atlas.baking import MapBasis
from pyface3d.atlas.uv_atlas import UVAtlas

__all__ = ["MapBasis", "UVAtlas"]
