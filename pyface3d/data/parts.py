"""A set that was recognized, and whether it is a part for testing."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyface3d.data.archive import Archive

NAMES = "test|tests|testing|dev|val|valid|validation|eval|aflw2000([_-]?3d)?"
TESTING = re.compile(rf"(^|[_\-.\s/])({NAMES})([_\-.\s/]|$)", re.I)


@dataclass(frozen=True)
class FoundSet:
    """A set of a folder or zip.

    Attributes:
        kind: what it is, in words.
        make: size of the crops, by name -> the set.
        files: names of files that stand for it alone.
        test: whether it is a part for testing, which nobody trains on unasked.
    """

    kind: str
    make: Callable[..., Any]
    files: tuple[str, ...] = ()
    test: bool = False

    def open(self, size: int) -> Any:
        """The set, in crops of ``size`` pixels."""
        return self.make(size=size)


def is_test(name: str) -> bool:
    """Whether a name is one of a part for testing.

    Example:
        >>> [is_test(name) for name in ("test_300w.json", "dev.npz", "AFLW2000-3D.zip", "latest.npz", "train.npz")]
        [True, True, True, False, False]
    """
    return TESTING.search(name) is not None


def tables_with(folder: Path, keys: set[str]) -> list[Path]:
    """The ``.npz`` files of a folder that have all these arrays; their contents are not read."""
    found = []
    for table in sorted(folder.glob("*.npz")) if folder.is_dir() else ():
        try:
            with zipfile.ZipFile(table) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
        except (OSError, zipfile.BadZipFile):
            continue
        if keys <= names:
            found.append(table)
    return found


def pictures_beside(archive: Archive) -> list[Path]:
    """Where the pictures of a folder are: itself, or its only zip of pictures."""
    if archive.pictures():
        return [archive.path]
    zips = [path for path in sorted(archive.path.glob("*.zip")) if zipfile.is_zipfile(path)]
    return [path for path in zips if Archive(path).pictures()][:1]
