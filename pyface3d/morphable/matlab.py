"""MATLAB files."""

from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat

from pyface3d.morphable.damage import reading


def mat_names(path: Path) -> set[str]:
    """The names of the variables in a MATLAB file.

    Raises:
        ValueError: the file is damaged, or is in MATLAB's 7.3 format.
    """
    with reading(path):
        with path.open("rb") as stream:
            if stream.read(10) == b"MATLAB 7.3":
                raise ValueError(f"load_model: {path} is a MATLAB 7.3 file; save it with -v7 in MATLAB")
        return {name for name, _, _ in whosmat(path)}


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """The variables of a MATLAB file; errors as ``mat_names``."""
    with reading(path):
        return loadmat(path)
