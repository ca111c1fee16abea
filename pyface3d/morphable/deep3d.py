"""Deep3DFaceReconstruction's and HRN's ``BFM_model_front.mat``: 35,709 vertices, 80 identity and 64 expression modes.

Decimeters; both bases are already multiplied by their standard deviations.
"""

from pathlib import Path

import numpy as np

from pyface3d.foreign.matlab import read_mat
from pyface3d.morphable.layouts import basis_from_flat, outward, vertices_from_flat, zero_based
from pyface3d.morphable.model import MorphableModel


def kind_of(names: set[str]) -> str | None:
    """What a MATLAB file with these variables is to this reader."""
    return "deep3d" if {"meanshape", "idBase", "exBase"} <= names else None


def read_deep3d(path: Path) -> MorphableModel:
    """Read ``BFM_model_front.mat``."""
    model = read_mat(path)
    mean = vertices_from_flat(model["meanshape"])
    return MorphableModel(
        mean,
        basis_from_flat(model["idBase"]),
        basis_from_flat(model["exBase"]),
        outward(mean, zero_based(model["tri"], first=1)),
        landmarks=model["keypoints"].ravel().astype(np.int64) - 1 if "keypoints" in model else None,
        colors=vertices_from_flat(model["meantex"]) / 255 if "meantex" in model else None,
        unit="dm",
        name="deep3d",
    )
