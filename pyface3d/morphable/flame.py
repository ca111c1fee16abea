"""FLAME (Li et al. 2017): shape and expression parts of ``generic_model.pkl``, in meters. Pose blending is left out."""

from typing import Any

from pyface3d.foreign.pickles import as_array
from pyface3d.morphable.layouts import zero_based
from pyface3d.morphable.model import MorphableModel

N_SHAPE = 300  # the first 300 of the 400 columns of ``shapedirs`` are identity, the rest expression


def read_flame(content: dict[str, Any]) -> MorphableModel:
    """The model of an unpickled FLAME file; coefficients are in standard deviations."""
    mean, directions = as_array(content["v_template"]), as_array(content["shapedirs"])
    return MorphableModel(
        mean,
        directions[..., :N_SHAPE],
        directions[..., N_SHAPE:],
        zero_based(as_array(content["f"]), first=0),
        unit="m",
        name="flame",
    )
