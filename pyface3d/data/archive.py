"""Folders and zips read alike, from any number of worker processes."""

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.archives import entry_names, open_zip, read_entry, walk
from pyface3d.foreign.arrays import parse_npy
from pyface3d.foreign.damage import one_line
from pyface3d.foreign.names import printable
from pyface3d.foreign.regular import open_regular, read_bytes

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class UnreadableError(ValueError):
    """A file that cannot be used; the text says why."""


class Archive:
    """The files below a folder or inside a zip, by their relative names with forward slashes.

    The list of names is made once and travels with the object; a zip is opened anew in every process that reads it.
    Names are lines of text that every output can hold, whatever the files are called
    (:func:`pyface3d.foreign.names.printable`).

    Args:
        path: a folder or a zip file.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: a file that is not a zip.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._zip: zipfile.ZipFile | None = None
        self._process = -1
        if self.path.is_dir():
            found = list(walk(self.path))
        elif not self.path.exists():
            raise FileNotFoundError(f"Archive: there is no {self.path}")
        else:
            try:
                with open_regular(self.path), open_zip(self.path) as archive:
                    found = entry_names(archive)
            except ValueError as error:
                raise ValueError(f"Archive: {self.path} is neither a folder nor a zip ({error})") from None
        self._stored = {printable(name): name for name in found}
        self.names = list(self._stored)

    def __contains__(self, name: str) -> bool:
        return printable(name) in self._stored

    def read(self, name: str) -> bytes:
        """The content of one file; KeyError for a name that is not there, UnreadableError for a damaged one."""
        stored = self._stored.get(printable(name))
        if stored is None:
            raise KeyError(f"{name} is not in {self.path}")
        if self.path.is_dir():
            return _checked(lambda: read_bytes(self.path / stored, "photo_bytes"))
        if self._process != os.getpid():  # a forked worker must not share its parent's file position
            self._zip, self._process = open_zip(self.path), os.getpid()
        opened = self._zip
        assert opened is not None
        return _checked(lambda: read_entry(opened, stored))

    def fingerprint(self) -> str:
        """What the files are, by what is known without reading them: a zip's checksums, sizes and times of a folder."""
        if self.path.is_dir():
            told: list[Any] = [
                (name, (info := (self.path / name).stat()).st_size, info.st_mtime_ns) for name in self.names
            ]
        else:
            with open_regular(self.path), open_zip(self.path) as archive:
                told = [(info.filename, info.file_size, info.CRC) for info in archive.infolist()]
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def pictures(self) -> list[str]:
        """Names that end like an image file, without macOS' resource files."""
        return [name for name in self.names if name.lower().endswith(PICTURES) and not name.startswith("__MACOSX/")]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_zip": None, "_process": -1}


def stem(name: str) -> str:
    """A name without its extension: ``HELEN/a.b.jpg`` -> ``HELEN/a.b``."""
    return name.rpartition(".")[0] or name


def _checked(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (OSError, ValueError) as error:
        raise UnreadableError(f"unreadable image ({error})") from error


def read_map(maps: Archive, name: str) -> np.ndarray:
    """The position map of a name; UnreadableError where it is damaged."""
    try:
        return parse_npy(maps.read(f"{name}.npy"))
    except Exception as error:  # damage shows as errors of many types
        raise UnreadableError(f"unreadable label (its position map: {one_line(error)})") from error
