"""FLAME (Li et al. 2017): a linear model of shape and expression, in meters, and the joints that turn it."""

from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import one_line, reading
from pyface3d.foreign.pickles import as_array, as_dense, load_pickle
from pyface3d.foreign.regular import open_regular
from pyface3d.morphable.articulated import ArticulatedModel
from pyface3d.morphable.layouts import zero_based
from pyface3d.morphable.model import MorphableModel

N_SHAPE = 300  # the first 300 of the 400 columns of ``shapedirs`` are identity, the rest expression
FLAME_NAMES = frozenset(("v_template", "shapedirs", "f"))
_CALLER = "ArticulatedModel.load"


def read_flame(content: dict[str, Any] | Path) -> MorphableModel:
    """The linear model of an unpickled FLAME file, or of its npz; coefficients are in standard deviations."""
    if isinstance(content, Path):
        content = dict(read_npz(content))
    mean, directions = as_array(content["v_template"]), as_array(content["shapedirs"])
    return MorphableModel(
        mean,
        directions[..., :N_SHAPE],
        directions[..., N_SHAPE:],
        zero_based(as_array(content["f"]), first=0),
        unit="m",
        name="flame",
    )


def load_flame(path: Path) -> ArticulatedModel:
    """The model with its joints of a ``.pkl`` or ``.npz`` release, in float32."""
    if not path.exists():
        raise FileNotFoundError(f"{_CALLER}: no file {path}")
    with reading(path, _CALLER), open_regular(path) as stream:
        packed = stream.read(2) == b"PK"
    content = dict(read_npz(path, _CALLER)) if packed else load_pickle(path, _CALLER)
    wanted = FLAME_NAMES | {"J_regressor", "kintree_table", "weights", "posedirs"}
    if not isinstance(content, dict) or not wanted <= content.keys():
        lacking = ", ".join(sorted(wanted - (content.keys() if isinstance(content, dict) else set())))
        raise ValueError(f"{_CALLER}: {path} is no model in FLAME's layout: it lacks {lacking}")
    try:
        return _articulated(content)
    except Exception as error:  # what is no array of the right kind, of any type
        raise ValueError(f"{_CALLER}: {path} was taken for a FLAME model, but {one_line(error)}") from error


def _articulated(content: dict[str, Any]) -> ArticulatedModel:
    model = read_flame(content)
    weights = as_array(content["weights"])  # (N, J)
    table = as_array(content["kintree_table"])
    if weights.ndim != 2 or table.ndim != 2 or table.shape[1] != weights.shape[1]:
        raise ValueError(f"weights must be (N, J) and kintree_table (2, J), got {weights.shape} and {table.shape}")
    parents = [-1, *table[0, 1:].astype(np.int64).tolist()]  # the root's is 2^32 - 1 in some files
    regressor = as_dense(content["J_regressor"], (weights.shape[1], model.n_vertices))
    return ArticulatedModel(model, regressor, parents, weights.T, as_array(content["posedirs"])).float()
