"""NumPy arrays from bytes whose length was checked: ``.npy`` and ``.npz`` files, and what other readers hand over."""

import io
import math
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pyface3d.foreign.damage import reading
from pyface3d.foreign.limits import limits
from pyface3d.foreign.regular import open_regular, read_bytes

NUMERIC = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248]|c8|c16)")
TEXT = re.compile(r"[<>=|]?[SU][0-9]{1,9}")


def plain_dtype(text: object, texts: bool = False) -> np.dtype:
    """The dtype of a string from a short list: numbers, and with ``texts`` strings of fixed length.

    Raises:
        ValueError: anything else, such as objects and records.
    """
    if isinstance(text, str) and (NUMERIC.fullmatch(text) or (texts and TEXT.fullmatch(text))):
        return np.dtype(text)
    raise ValueError(f"the element type {str(text)[:60]!r} is none of plain numbers")


def checked_array(content: bytes | memoryview, dtype: np.dtype, shape: object, order: str = "C") -> np.ndarray:
    """The array that ``content`` holds; a copy.

    Raises:
        ValueError: the shape is none, or does not have the length of the bytes; or strings are none.
    """
    if not isinstance(shape, (tuple, list)) or any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
        raise ValueError(f"{str(shape)[:60]} is no shape of an array")
    wanted = math.prod(shape) * dtype.itemsize
    # an array without elements may still have 2 ** 60 columns, for which others would make room
    if wanted != len(content) or (not wanted and max(shape, default=0) > 1_000_000):
        raise ValueError(f"an array {tuple(shape)} of {dtype.str} needs {wanted} bytes, there are {len(content)}")
    if not wanted:
        return np.zeros(shape, dtype)
    if dtype.kind == "U" and np.frombuffer(content, dtype.byteorder.replace("|", "=") + "u4").max() > sys.maxunicode:
        raise ValueError("its strings hold characters that do not exist")  # NumPy believes them until they are read
    return np.frombuffer(content, dtype).reshape(shape, order="F" if order == "F" else "C").copy(order="K")


def read_npy(path: str | os.PathLike[str], caller: str = "load_model") -> np.ndarray:
    """The array of a ``.npy`` file; one ValueError for anything else."""
    with reading(path, caller):
        return parse_npy(read_bytes(path, "model_bytes"))


def parse_npy(content: bytes) -> np.ndarray:
    """The array in the bytes of a ``.npy`` file: plain numbers or strings, never objects."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it has version {version} of the npy format, known are 1.0 and 2.0")
    shape, fortran, dtype = readers[version](stream)
    dtype = plain_dtype(dtype.str if dtype.names is None and dtype.subdtype is None else str(dtype), texts=True)
    return checked_array(memoryview(content)[stream.tell() :], dtype, shape, "F" if fortran else "C")


def read_npz(path: str | os.PathLike[str], caller: str = "load_model") -> dict[str, np.ndarray]:
    """All arrays of a ``.npz`` file.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, holds anything but plain arrays, or would unpack to far more than its size.
    """
    with reading(path, caller), open_regular(path) as stream:
        return {name.removesuffix(".npy"): parse_npy(content) for name, content in unpacked(stream, Path(path)).items()}


def npz_names(path: str | os.PathLike[str], caller: str = "load_model") -> set[str]:
    """The names of the arrays in a ``.npz`` file; errors as ``read_npz``."""
    with reading(path, caller), open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}


def unpacked(stream: BinaryIO, path: Path, suffix: str = ".npy") -> dict[str, bytes]:
    """The entries of a zip whose names end in ``suffix``, if all together stay within the limits."""
    with zipfile.ZipFile(stream) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(suffix)]
        size, most = os.fstat(stream.fileno()).st_size, limits().model_bytes
        whole = sum(entry.file_size for entry in entries)
        if whole > min(limits().unpacked(size), most):
            raise ValueError(
                f"{path}: its {size:,} bytes would unpack to {whole:,}; to read it all the same, raise the limits "
                "model_ratio and model_bytes"
            )
        return {entry.filename: archive.read(entry) for entry in entries}
