"""The work cut into units: each is read by one actor and becomes one file of the result."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow.parquet as parquet
from pyarrow import fs

from pyface3d.foreign.archives import entry_names, open_zip, walk
from pyface3d.foreign.names import printable
from pyface3d.foreign.regular import open_regular
from pyface3d.images.sources import ARCHIVES, PICTURES

TARS = tuple(suffix for suffix in ARCHIVES if suffix != ".zip")
UNIT = 512  # photos of a unit; tars and row groups are units whatever they hold


@dataclass(frozen=True)
class Unit:
    """Some photos that are read together.

    Attributes:
        kind: "files", "zip", "tar" or "parquet".
        place: URI or path of the archive or table; of the folder for files.
        names: paths of files, entries of the zip; empty for tars and tables.
        row_group: of the table.
        size: bytes of the archive or table, so that another file under its name is another unit.
    """

    kind: str
    place: str
    names: tuple[str, ...] = ()
    row_group: int = 0
    size: int = 0

    def key(self, settings: dict) -> str:
        """Twelve hex digits that stand for this unit under these settings."""
        text = json.dumps([asdict(self), settings], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def open_place(place: str) -> tuple[fs.FileSystem, str]:
    """The pyarrow filesystem of a path or URI (s3://, gs://, hdfs://, file://), and the path in it."""
    if "://" in place:
        return fs.FileSystem.from_uri(place)
    return fs.LocalFileSystem(), place


def open_input(place: str) -> Any:
    """A file opened for reading: a regular one of this machine, whatever its name, or that of a URI."""
    if "://" not in place:
        return open_regular(place)
    files, path = open_place(place)
    return files.open_input_file(path)


def find_units(inputs: Iterable[str], size: int = UNIT, passed_over: Counter[str] | None = None) -> Iterator[Unit]:
    """Cuts inputs into units, in a fixed order.

    Args:
        inputs: paths or URIs: folders of pictures, zips, tars and Parquet tables (searched to the bottom), or single
            files.
        size: photos of a unit.
        passed_over: counts, by suffix, the files of folders and zips that are none of these.

    Raises:
        FileNotFoundError: an input does not exist.
    """
    for place in inputs:
        entries, named = _entries(place)
        yield from _cut_folder(entries, named, place, size, Counter() if passed_over is None else passed_over)


def _entries(place: str) -> tuple[list[tuple[str, int]], bool]:
    """Paths or URIs of files with their sizes, and whether ``place`` itself is the one file."""
    if "://" not in place:
        if os.path.isdir(place):
            return [(path, _size(path)) for path in (os.path.join(place, inside) for inside in walk(place))], False
        if not os.path.lexists(place):
            raise FileNotFoundError(f"reconstruct_all: no file or folder {printable(place)}")
        return [(place, _size(place))], True
    files, path = open_place(place)
    prefix = place[: len(place) - len(path)] if place.endswith(path) else ""
    info = files.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise FileNotFoundError(f"reconstruct_all: no file or folder {place}")
    if info.type != fs.FileType.Directory:
        return [(prefix + info.path, info.size)], True
    found = sorted(files.get_file_info(fs.FileSelector(path, recursive=True)), key=lambda entry: entry.path)
    return [(prefix + e.path, e.size) for e in found if e.type == fs.FileType.File], False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # a link to nothing: its reader says so
        return 0


def _cut_folder(
    entries: list[tuple[str, int]], named: bool, place: str, size: int, passed_over: Counter[str]
) -> Iterator[Unit]:
    pictures = []
    for uri, length in entries:
        suffix = PurePosixPath(uri).suffix.lower()
        if suffix == ".zip":
            yield from _cut_zip(uri, length, size, passed_over)
        elif uri.lower().endswith(TARS):
            yield Unit("tar", uri, size=length)
        elif suffix == ".parquet":
            yield from _cut_parquet(uri, length)
        elif suffix in PICTURES or named:
            pictures.append(uri)
        else:
            passed_over[printable(suffix)] += 1
    for start in range(0, len(pictures), size):
        yield Unit("files", place, tuple(pictures[start : start + size]))


def _cut_zip(uri: str, length: int, size: int, passed_over: Counter[str]) -> Iterator[Unit]:
    try:
        with open_input(uri) as stream, open_zip(stream) as archive:
            listed = set(entry_names(archive))
    except (OSError, ValueError):
        yield Unit("zip", uri, size=length)  # its reader says what is wrong, in the result
        return
    pictures = {name for name in listed if PurePosixPath(name).suffix.lower() in PICTURES}
    pictures = {name for name in pictures if not name.startswith("__MACOSX/")}
    passed_over.update(printable(PurePosixPath(name).suffix.lower()) for name in listed - pictures)
    names = sorted(pictures)
    for start in range(0, len(names), size):
        yield Unit("zip", uri, tuple(names[start : start + size]), size=length)


def _cut_parquet(uri: str, length: int) -> Iterator[Unit]:
    try:
        with open_input(uri) as stream:
            groups = parquet.ParquetFile(stream).num_row_groups
    except Exception:  # arrow's errors, of many types: its reader says what is wrong, in the result
        groups = 1
    yield from (Unit("parquet", uri, row_group=group, size=length) for group in range(groups))
