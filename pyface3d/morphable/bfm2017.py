"""Basel Face Model 2017 and 2019 (Gerig et al.): HDF5 files in the statismo layout, millimeters. Needs h5py."""

from pathlib import Path

import numpy as np

from pyface3d.foreign.damage import reading
from pyface3d.foreign.hdf5 import read_hdf5
from pyface3d.morphable.layouts import basis_from_flat, outward, vertices_from_flat, zero_based
from pyface3d.morphable.model import MorphableModel

_MODES = ("mean", "pcaBasis", "pcaVariance")
_CELLS, _COLOR = "shape/representer/cells", "color/model/mean"


def read_bfm2017(path: Path) -> MorphableModel:
    """Read ``model2017-1_*.h5`` or ``model2019_*.h5``; coefficients are multiples of the orthonormal columns."""
    names = [f"{part}/model/{array}" for part in ("shape", "expression") for array in _MODES]
    file = read_hdf5(path, [*names, _CELLS, _COLOR])
    with reading(path):
        return _build(file)


def _build(file: dict[str, np.ndarray]) -> MorphableModel:
    mean, identity, identity_std = _modes(file, "shape")
    expression, expression_std = np.zeros((*mean.shape, 0), np.float32), np.zeros(0, np.float32)
    if "expression/model/mean" in file:
        offset, expression, expression_std = _modes(file, "expression")
        mean = mean + offset
    return MorphableModel(
        mean,
        identity,
        expression,
        outward(mean, zero_based(file[_CELLS], first=0)),
        identity_std=identity_std,
        expression_std=expression_std,
        colors=vertices_from_flat(file[_COLOR]) if _COLOR in file else None,
        unit="mm",
        name="bfm2017",
    )


def _modes(file: dict[str, np.ndarray], part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, basis, variance = (file[f"{part}/model/{array}"] for array in _MODES)
    return vertices_from_flat(mean), basis_from_flat(basis), np.sqrt(variance).astype(np.float32)
