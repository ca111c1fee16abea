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

__all__ = ["Stored", "as_array", "load_pickle"]


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
