"""Basel Face Model 2017 and 2019 (Gerig et al.): HDF5 files in the statismo layout, millimetres. Needs h5py."""

from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.morphable.damage import reading
from pyface3d.morphable.layouts import basis_from_flat, outward, vertices_from_flat, zero_based
from pyface3d.morphable.model import MorphableModel


def read_bfm2017(path: Path) -> MorphableModel:
    """Read ``model2017-1_*.h5`` or ``model2019_*.h5``; coefficients are multiples of the orthonormal columns."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"load_model: {path} is HDF5, which needs h5py: pip install 'pyface3d[hdf5]'") from error
    with reading(path), h5py.File(path) as file:
        return _build(file)


def _build(file: Any) -> MorphableModel:
    mean, identity, identity_std = _modes(file["shape/model"])
    expression, expression_std = np.zeros((*mean.shape, 0), np.float32), np.zeros(0, np.float32)
    if "expression" in file:
        offset, expression, expression_std = _modes(file["expression/model"])
        mean = mean + offset
    return MorphableModel(
        mean,
        identity,
        expression,
        outward(mean, zero_based(file["shape/representer/cells"][()], first=0)),
        identity_std=identity_std,
        expression_std=expression_std,
        colors=vertices_from_flat(file["color/model/mean"][()]) if "color" in file else None,
        unit="mm",
        name="bfm2017",
    )


def _modes(group: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    std = np.sqrt(group["pcaVariance"][()]).astype(np.float32)
    return vertices_from_flat(group["mean"][()]), basis_from_flat(group["pcaBasis"][()]), std
