"""Face profiling: photographed faces turned to the side, with exact labels."""

from pyface3d.data.profiling.photos import PhotographedFace, Views, profile_faces
from pyface3d.data.profiling.profiler import Lifted, Profiler

__all__ = ["Lifted", "PhotographedFace", "Profiler", "Views", "profile_faces"]
