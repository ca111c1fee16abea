"""What the names in a pickle of arrays stand for: records that hold what was said about an object, and do nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import checked_array, plain_dtype
from pyface3d.foreign.opcodes import RefusedError


@dataclass(frozen=True, eq=False)
class Name:
    """A name of a pickle, and what a call of it becomes."""

    module: str
    name: str
    make: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Stored:
    """The pickled state of an object whose class is not imported (chumpy array, sparse matrix)."""

    state: Any = None


class PickledType:
    """An element type: its string, and the byte order that follows it."""

    def __init__(self, text: Any, *flags: Any) -> None:
        self.text = text

    def build(self, state: Any) -> None:
        """State of ``numpy.dtype``: version, byte order, and what only records have."""
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise RefusedError("a numpy.dtype with fields")
        if not isinstance(self.text, str) or state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"{str(state[1])[:20]!r} is no byte order")
        self.text = state[1] + self.text.lstrip("<>|=")

    def dtype(self) -> np.dtype:
        """The plain dtype, or ValueError."""
        return plain_dtype(self.text)


class PickledArray:
    """An array whose bytes come later, in its state."""

    def __init__(self, *arguments: Any) -> None:
        self.made: np.ndarray | None = None

    def build(self, state: Any) -> None:
        """State of ``numpy.ndarray``: version, shape, type, column order, bytes."""
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], PickledType):
            raise ValueError("an array has no proper state")
        _, shape, kind, fortran, content = state
        if isinstance(content, list):
            raise RefusedError("an array of objects")
        self.made = checked_array(_as_bytes(content), kind.dtype(), shape, "F" if fortran else "C")

    def array(self) -> np.ndarray:
        """The array."""
        if self.made is None:
            raise ValueError("an array has no content")
        return self.made


def _as_bytes(content: Any) -> bytes:
    if isinstance(content, str):
        return content.encode("latin1")
    if not isinstance(content, bytes):
        raise ValueError(f"an array is stored as {type(content).__name__} instead of bytes")
    return content


def _type_of(kind: Any) -> np.dtype:
    if not isinstance(kind, PickledType):
        raise ValueError("an array lacks its element type")
    return kind.dtype()


def _scalar(kind: Any, content: Any = b"") -> Any:
    return checked_array(_as_bytes(content), _type_of(kind), ())[()]


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any = "C", *axes: Any) -> np.ndarray:
    return checked_array(_as_bytes(content), _type_of(kind), shape, order)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    # Protocol 2 stores bytes as latin-1 text and asks for codecs.encode to undo it.
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise RefusedError(f"the codec {str(encoding)[:40]}")
    return text.encode("latin1")


def _new_stored(kind: Any, base: Any = None, state: Any = None) -> Stored:
    # Protocols 0 and 1 make an object by copyreg._reconstructor(its class, object, None).
    stored = isinstance(kind, Name) and kind.make is Stored
    if not stored or not isinstance(base, Name) or base.name != "object" or state is not None:
        raise RefusedError(f"an object of {str(kind)[:60]}")
    return Stored()


def _bytes(content: Any = b"", encoding: Any = None) -> bytes:
    return _encode(content, encoding) if isinstance(content, str) else _as_bytes(content)


def _hashable(values: Any = ()) -> list[Any]:
    if not isinstance(values, (list, tuple, set, frozenset)):
        raise ValueError("a set must be made of a list")
    return [key(value) for value in values]


def _pairs(pairs: Any = ()) -> dict[Any, Any]:
    if not isinstance(pairs, (list, tuple)) or any(not isinstance(p, (list, tuple)) or len(p) != 2 for p in pairs):
        raise ValueError("a mapping must be made of pairs")
    return {key(name): value for name, value in pairs}


def _complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imaginary, (int, float)):
        raise ValueError("a complex number must be made of two numbers")
    return complex(real, imaginary)


def _never(name: str) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:
        raise RefusedError(f"an object of {name}")

    return refuse


def key(value: Any) -> Any:
    """A value that may be a key: text, bytes, a number or None; nested ones could hash for ever."""
    if value is not None and not isinstance(value, (str, bytes, int, float)):
        raise RefusedError(f"a key of {type(value).__name__}")
    return value


def _table() -> Mapping[tuple[str, str], Name]:
    makers: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "ndarray"): _never("numpy.ndarray"),
        ("numpy", "dtype"): PickledType,
        ("_codecs", "encode"): _encode,
        ("copyreg", "_reconstructor"): _new_stored,
        ("builtins", "object"): _never("object"),
        ("builtins", "set"): lambda *values: set(_hashable(*values)),
        ("builtins", "frozenset"): lambda *values: frozenset(_hashable(*values)),
        ("builtins", "bytearray"): _bytes,
        ("builtins", "bytes"): _bytes,
        ("builtins", "complex"): _complex,
        ("collections", "OrderedDict"): _pairs,
        ("chumpy.ch", "Ch"): Stored,
    }
    for core in ("numpy.core", "numpy._core"):
        makers[f"{core}.multiarray", "_reconstruct"] = PickledArray
        makers[f"{core}.multiarray", "scalar"] = _scalar
        makers[f"{core}.numeric", "_frombuffer"] = _from_buffer
    for layout in ("csc", "csr", "coo"):
        for module in (layout, f"_{layout}"):
            makers[f"scipy.sparse.{module}", f"{layout}_matrix"] = Stored
    return {(module, name): Name(module, name, make) for (module, name), make in makers.items()}


#: (module, name) -> stand-in, for files of arrays
NAMES = _table()
