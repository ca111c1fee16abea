"""MATLAB files (Level 5, ``save -v6`` and ``-v7``), read by a parser that checks every length before it follows it.

Format: MathWorks, "MAT-File Format", level 5. Elements are a tag (type, bytes) and data; a matrix is a sequence of
elements: flags and class, dimensions, name, then its content. Numbers, text and structs are read; other classes (cells,
sparse matrices, objects, functions) are left out.
"""

import math
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import checked_array
from pyface3d.foreign.damage import reading
from pyface3d.foreign.limits import limits
from pyface3d.foreign.regular import read_bytes

_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1"}
_MATRIX, _COMPRESSED, _UTF16, _UTF32 = 14, 15, 17, 18
_STRUCT, _CHAR = 2, 4
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_HEADER = 128
_DEEPEST = 8  # structs within structs
_COMPLEX = 0x0800


def read_mat(path: str | os.PathLike[str], caller: str = "load_model") -> dict[str, Any]:
    """The variables of a MATLAB file.

    Returns:
        name -> array with the shape that MATLAB shows, a string for text, a dict for a 1 x 1 struct.

    Raises:
        OSError: there is no such file.
        ValueError: the file is damaged, of another format, or would unpack to far more than its size.
    """
    with reading(path, caller):
        return parse_mat(read_bytes(path, "model_bytes"))


def mat_names(path: str | os.PathLike[str], caller: str = "load_model") -> set[str]:
    """The names of the variables in a MATLAB file; errors as ``read_mat``."""
    with reading(path, caller):
        parser = _Parser(read_bytes(path, "model_bytes"))
        return {name for name, _ in parser.variables(content=False)}


def parse_mat(content: bytes) -> dict[str, Any]:
    """The variables in the bytes of a MATLAB file; ValueError, struct's or zlib's error for anything else."""
    return {name: value for name, value in _Parser(content).variables() if value is not None}


class _Parser:
    def __init__(self, content: bytes) -> None:
        if content[:10] == b"MATLAB 7.3":
            raise ValueError("it is a MATLAB 7.3 file; save it with -v7 in MATLAB")
        if len(content) < _HEADER or content[126:128] not in (b"IM", b"MI"):
            raise ValueError("it is no MATLAB file of level 5 (save -v7)")
        self.content, self.order = content, "<" if content[126:128] == b"IM" else ">"
        self.left = limits().unpacked(len(content))  # bytes that may still be made of this file

    def variables(self, content: bool = True) -> Iterator[tuple[str, Any]]:
        for kind, data in self.elements(memoryview(self.content)[_HEADER:]):
            if kind == _COMPRESSED:
                ((kind, data), *_) = self.elements(memoryview(self.inflate(data)))
            if kind == _MATRIX and len(data):
                name, value = self.matrix(data, 0, content)
                yield name, value

    def inflate(self, data: memoryview) -> bytes:
        """The one element that a compressed element holds."""
        inflater = zlib.decompressobj()
        head = inflater.decompress(data, 8)
        size = self.tag(memoryview(head.ljust(8, b"\0")))[1]
        self.spend(size)
        return head + inflater.decompress(inflater.unconsumed_tail, max(1, size))

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ValueError("it unpacks to far more than its size; the limit model_ratio can be raised")

    def tag(self, data: memoryview) -> tuple[int, int, int]:
        """Type, bytes, and bytes of the tag itself."""
        if len(data) < 8:
            raise ValueError("an element ends within its tag")
        kind, size = (int(word) for word in np.frombuffer(data[:8], f"{self.order}u4"))
        return (kind & 0xFFFF, kind >> 16, 4) if kind >> 16 else (kind, size, 8)

    def elements(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """The elements in a stretch of bytes, which they must not exceed."""
        while len(data):
            kind, size, start = self.tag(data)
            if start + size > len(data) or (start == 4 and size > 4):
                raise ValueError(f"an element of {size} bytes lies in a stretch of {len(data)}")
            yield kind, data[start : start + size]
            end = 8 if start == 4 else start + size
            data = data[end if kind == _COMPRESSED else -(-end // 8) * 8 :]

    def matrix(self, data: memoryview, depth: int, content: bool = True) -> tuple[str, Any]:
        """Name and value of a matrix; None for a class that is not read."""
        if depth > _DEEPEST:
            raise ValueError(f"it nests more than {_DEEPEST} structs")
        parts = self.elements(data)
        flags, dimensions, name = (self.numbers(*next(parts, (0, b""))) for _ in range(3))  # type: ignore[arg-type]
        kind, shape = int(flags[0]) & 0xFF, tuple(int(n) for n in dimensions)
        text = name.astype(np.uint8).tobytes().decode("latin1")
        if not content:
            return text, None
        if kind == _STRUCT:
            return text, self.struct(parts, shape, depth)
        if kind == _CHAR:
            return text, self.text(*next(parts, (0, b"")))  # type: ignore[arg-type]
        if kind in _CLASSES:
            return text, self.array(parts, np.dtype(_CLASSES[kind]), shape, bool(int(flags[0]) & _COMPLEX))
        return text, None

    def numbers(self, kind: int, data: memoryview) -> np.ndarray:
        if kind not in _STORED:
            raise ValueError(f"type {kind} is none of numbers")
        dtype = np.dtype(self.order + _STORED[kind])
        return checked_array(data, dtype, (len(data) // dtype.itemsize,))

    def array(
        self, parts: Iterator[tuple[int, memoryview]], dtype: np.dtype, shape: tuple[int, ...], has_imaginary: bool
    ) -> np.ndarray:
        planes = [self.numbers(*next(parts)) for _ in range(2 if has_imaginary else 1)] if math.prod(shape) else []
        self.spend(sum(plane.size for plane in planes) * dtype.itemsize)
        if any(plane.size != math.prod(shape) for plane in planes):
            raise ValueError(f"a matrix {shape} has {planes[0].size} numbers")
        values = [plane.astype(dtype, copy=False).reshape(shape, order="F") for plane in planes]
        values = values or [checked_array(b"", dtype, shape)]
        return values[0] + 1j * values[1] if has_imaginary and len(values) == 2 else values[0]

    def text(self, kind: int, data: memoryview) -> str:
        codec = {_UTF16: "utf-16", _UTF32: "utf-32"}.get(kind)
        if codec is not None:
            return bytes(data).decode(f"{codec}-{'le' if self.order == '<' else 'be'}")
        if kind == 16:
            return bytes(data).decode("utf-8")
        return "".join(map(chr, self.numbers(kind, data).tolist()))

    def struct(self, parts: Iterator[tuple[int, memoryview]], shape: tuple[int, ...], depth: int) -> Any:
        """A 1 x 1 struct as a dict; None for arrays of structs."""
        length = int(self.numbers(*next(parts))[0])
        names = bytes(next(parts)[1])
        if length < 1 or len(names) % length or shape != (1, 1):
            return None
        fields = [names[at : at + length].split(b"\0")[0].decode("latin1") for at in range(0, len(names), length)]
        values: dict[str, Any] = {}
        for field in fields:
            kind, data = next(parts, (0, memoryview(b"")))
            if kind != _MATRIX:
                raise ValueError(f"the field {field!r} is missing")
            value = self.matrix(data, depth + 1)[1] if len(data) else None
            if value is not None:
                values[field] = value
        return values
