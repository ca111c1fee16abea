"""Reading pickled face models without running what is in them.

A pickle is a program. Here it runs on a machine of its own that knows NumPy arrays, plain containers, chumpy arrays and
SciPy sparse matrices (the last two as :class:`Stored` states): names stand for inert records, never for Python's own
constructors, and arrays are made afterwards, from bytes whose length was checked. Everything else is refused by name.
"""

import os
from typing import Any

import numpy as np

from pyface3d.foreign.damage import reading
from pyface3d.foreign.machine import Machine
from pyface3d.foreign.opcodes import RefusedError
from pyface3d.foreign.regular import read_bytes
from pyface3d.foreign.stand_ins import NAMES, Stored

__all__ = ["Stored", "as_array", "as_dense", "load_pickle"]


def load_pickle(path: str | os.PathLike[str], caller: str = "load_model") -> Any:
    """The content of a pickle of arrays and plain containers.

    Raises:
        OSError: there is no such file.
        ValueError: the file is truncated, is no pickle, or asks for anything but arrays and plain containers.
    """
    with reading(path, caller):
        try:
            return Machine(read_bytes(path, "model_bytes"), NAMES).run()
        except RefusedError as refused:
            raise ValueError(
                f"{caller}: {path} asks for {refused}; only arrays and plain containers are read from a pickle"
            ) from None


def as_array(value: Any) -> np.ndarray:
    """A numeric array from what a pickle held: an array, a list, or a chumpy array."""
    if isinstance(value, Stored):
        value = value.state.get("x") if isinstance(value.state, dict) else None
        if value is None:
            raise ValueError("holds a chumpy expression instead of a stored array")
        return as_array(value)
    array = np.asarray(value)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"holds {array.dtype} instead of numbers")
    return array


def as_dense(value: Any, shape: tuple[int, int]) -> np.ndarray:
    """A matrix (R, C) from what a pickle held: an array, or the state of SciPy's CSC or CSR matrix.

    Raises:
        ValueError: another shape, indices outside of it, or square and sparse: rows would not be told from columns.
    """
    state = value.state if isinstance(value, Stored) else None
    if not isinstance(state, dict) or "indptr" not in state:
        array = as_array(value)
        if array.shape != shape:
            raise ValueError(f"a matrix must be {shape}, got {array.shape}")
        return array
    data, inner, starts = (as_array(state[name]).ravel() for name in ("data", "indices", "indptr"))
    by_row = len(starts) == shape[0] + 1
    if tuple(state.get("_shape") or state.get("shape") or ()) != shape or by_row == (len(starts) == shape[1] + 1):
        raise ValueError(f"a sparse matrix must be {shape}, by rows or by columns")
    counts = np.diff(starts)
    if len(data) != len(inner) or counts.min(initial=0) < 0 or counts.sum() != len(data):
        raise ValueError("a sparse matrix has parts of different lengths")
    outer = np.repeat(np.arange(len(counts)), counts)
    rows, columns = (outer, inner) if by_row else (inner, outer)
    if len(inner) and not 0 <= inner.min() <= inner.max() < shape[by_row]:
        raise ValueError(f"a sparse matrix of {shape} has indices outside of it")
    dense = np.zeros(shape)
    np.add.at(dense, (rows, columns), data)
    return dense
