"""Reading pickled face models without running what is in them.

A pickle is a program. This unpickler lets it build NumPy arrays, plain containers, chumpy arrays and SciPy sparse
matrices (the last two as ``Stored`` states) and refuses everything else by name.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.morphable.damage import reading


class Stored:
    """The pickled state of an object whose class is not imported (chumpy array, sparse matrix)."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def load_pickle(path: str | Path) -> Any:
    """The content of a pickle of arrays and plain containers.

    Raises:
        ValueError: the file is truncated, is no pickle, or asks for anything but arrays and plain containers.
    """
    path = Path(path)
    with reading(path), path.open("rb") as stream:
        try:
            return _Unpickler(stream, encoding="latin1").load()
        except _RefusedError as refused:
            raise ValueError(
                f"load_model: {path} asks for {refused}; only arrays and plain containers are read from a pickle"
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


class _RefusedError(Exception):
    pass


def _encode_latin1(text: str, encoding: str) -> bytes:
    # Protocol 2 stores bytes as latin-1 text and asks for codecs.encode to undo it.
    if encoding not in ("latin1", "latin-1"):
        raise _RefusedError(f"the codec {encoding}")
    return text.encode("latin1")


def _new_stored(kind: type, base: type, state: Any) -> Stored:
    # Protocols 0 and 1 make an object by copyreg._reconstructor(its class, object, None).
    if kind is not Stored or base is not object or state is not None:
        raise _RefusedError(f"an object of {kind!r}")
    return Stored()


class _Unpickler(pickle.Unpickler):
    _ARRAYS = {
        "_reconstruct": np.ndarray((0,)).__reduce__()[0],
        "scalar": np.float32(0).__reduce__()[0],
        "_frombuffer": np.zeros(1).__reduce_ex__(5)[0],
    }
    _PLAIN = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode_latin1,
        ("copyreg", "_reconstructor"): _new_stored,
        ("builtins", "object"): object,
        ("builtins", "set"): set,
        ("builtins", "frozenset"): frozenset,
        ("builtins", "bytearray"): bytearray,
        ("builtins", "complex"): complex,
        ("collections", "OrderedDict"): dict,
        ("chumpy.ch", "Ch"): Stored,
    }

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)  # Python 2's names
        if (module, name) in self._PLAIN:
            return self._PLAIN[module, name]
        if module.removeprefix("numpy.").removeprefix("_").removeprefix("core.") in ("multiarray", "numeric"):
            if module.startswith("numpy.") and name in self._ARRAYS:
                return self._ARRAYS[name]
        if module.startswith("scipy.sparse.") and name in ("csc_matrix", "csr_matrix", "coo_matrix"):
            return Stored
        raise _RefusedError(f"{module}.{name}")
