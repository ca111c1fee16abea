"""Basel Face Model 2009 (Paysan et al.) as MATLAB files: original, 3DDFA's trimmed pieces, face3d's one file.

* ``01_MorphableModel.mat``: 53,490 vertices, 199 identity modes with standard deviations, no expression;
* beside it 3DDFA's ``model_info.mat`` (``trimIndex``: the 53,215 vertices without the ears' inside, triangles,
  keypoints) and ``Model_Exp.mat`` / ``Model_Expression.mat`` (29 expression modes on these);
* ``Model_Shape.mat``: 3DDFA's already trimmed shape;
* ``BFM.mat``: face3d's struct ``model`` of all of it.

Micrometers. Identity coefficients are multiples of the orthonormal columns, as in 3DDFA's and 300W-LP's labels. The
``sigma_exp`` of the expression files has no settled scale: ``expression_std`` stays 1.
"""

from pathlib import Path

import numpy as np

from pyface3d.foreign.matlab import read_mat
from pyface3d.morphable.layouts import basis_from_flat, outward, vertices_from_flat, zero_based
from pyface3d.morphable.model import MorphableModel

Arrays = dict[str, np.ndarray]

# 3DDFA's names in Model_Shape.mat -> Basel's
_TRIMMED_NAMES = {"mu_shape": "shapeMU", "w": "shapePC", "sigma": "shapeEV", "tex": "texMU"}


def kind_of(names: set[str]) -> str | None:
    """What a MATLAB file with these variables is to this reader."""
    if {"shapeMU", "shapePC"} <= names or {"mu_shape", "w"} <= names or names == {"model"}:
        return "bfm2009"
    if "trimIndex" in names:
        return "bfm2009_trim"
    return "bfm2009_expression" if "w_exp" in names else None


def read_bfm2009(path: Path, trim: Path | None = None, expression: Path | None = None) -> MorphableModel:
    """Read the model; ``trim`` and ``expression`` are 3DDFA's files to go with the original."""
    model = read_mat(path)
    if "model" in model:
        return _build(model["model"])
    if "mu_shape" in model:
        model |= {_TRIMMED_NAMES[name]: array for name, array in model.items() if name in _TRIMMED_NAMES}
    else:
        model["tri"] = model["tl"]
    if trim is not None:
        model |= _trimmed(model, read_mat(trim))
    if expression is not None:
        file = read_mat(expression)
        model |= {new: file[name] for name, new in (("mu_exp", "expMU"), ("w_exp", "expPC")) if name in file}
    return _build(model)


def _trimmed(model: Arrays, info: Arrays) -> Arrays:
    kept = info["trimIndex"].ravel().astype(np.int64) - 1
    rows = (3 * kept[:, None] + np.arange(3)).ravel()
    trimmed = {name: model[name].reshape(len(model["shapeMU"]), -1)[rows] for name in ("shapeMU", "shapePC", "texMU")}
    return trimmed | {name: info[name] for name in ("tri", "keypoints") if name in info}


def _build(model: Arrays) -> MorphableModel:
    mean, identity = vertices_from_flat(model["shapeMU"]), basis_from_flat(model["shapePC"])
    expression = np.zeros((*mean.shape, 0), np.float32)
    if "expPC" in model:
        expression = basis_from_flat(model["expPC"])
        if len(expression) != len(mean):
            raise ValueError(
                f"the expression modes have {len(expression)} vertices, the shape {len(mean)}: "
                "give the file with trimIndex (model_info.mat) as well"
            )
        if "expMU" in model:
            mean = mean + vertices_from_flat(model["expMU"])
    keypoints = model.get("kpt_ind", model.get("keypoints"))
    texture = model.get("texMU")
    return MorphableModel(
        mean,
        identity,
        expression,
        outward(mean, zero_based(model["tri"], first=1)),
        identity_std=model["shapeEV"].ravel().astype(np.float32) if "shapeEV" in model else None,
        landmarks=None if keypoints is None else keypoints.ravel().astype(np.int64) - 1,
        colors=None if texture is None else vertices_from_flat(texture.T if len(texture) == 3 else texture) / 255,
        unit="um",
        name="bfm2009",
    )
