"""Synthetic portraits: endless labeled faces rendered from a face model."""

from pyface3d.data.synthetic.benchmark import synth_2000
from pyface3d.data.synthetic.count import portrait_count
from pyface3d.data.synthetic.faces import SyntheticFaces
from pyface3d.data.synthetic.space import measure_space, parameter_space, prior_space

__all__ = ["SyntheticFaces", "measure_space", "parameter_space", "portrait_count", "prior_space", "synth_2000"]
