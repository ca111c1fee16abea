"""The work cut into units: each is read by one actor and becomes one file of the result."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import pyarrow.parquet as parquet
from pyarrow import fs

from pyface3d.images.sources import PICTURES

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


def find_units(inputs: Iterable[str], size: int = UNIT) -> Iterator[Unit]:
    """Cuts inputs into units, in a fixed order.

    Args:
        inputs: paths or URIs: folders of pictures, zips, tars and Parquet tables (searched to the bottom), or single
            files.
        size: photos of a unit.

    Raises:
        FileNotFoundError: an input does not exist.
    """
    for place in inputs:
        files, path = open_place(place)
        prefix = place[: len(place) - len(path)] if place.endswith(path) and "://" in place else ""
        info = files.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise FileNotFoundError(f"reconstruct_all: no file or folder {place}")
        entries = [info]
        if info.type == fs.FileType.Directory:
            entries = sorted(files.get_file_info(fs.FileSelector(path, recursive=True)), key=lambda entry: entry.path)
        yield from _cut_folder(files, [e for e in entries if e.type == fs.FileType.File], prefix, place, size)


def _cut_folder(files: fs.FileSystem, entries: list[fs.FileInfo], prefix: str, place: str, size: int) -> Iterator[Unit]:
    pictures = []
    for entry in entries:
        uri, suffix = prefix + entry.path, PurePosixPath(entry.path).suffix.lower()
        if suffix == ".zip":
            yield from _cut_zip(files, entry, uri, size)
        elif suffix in (".tar", ".tgz") or entry.path.lower().endswith(".tar.gz"):
            yield Unit("tar", uri, size=entry.size)
        elif suffix == ".parquet":
            yield from _cut_parquet(files, entry, uri)
        elif suffix in PICTURES or len(entries) == 1:
            pictures.append(uri)
    for start in range(0, len(pictures), size):
        yield Unit("files", place, tuple(pictures[start : start + size]))


def _cut_zip(files: fs.FileSystem, entry: fs.FileInfo, uri: str, size: int) -> Iterator[Unit]:
    try:
        with files.open_input_file(entry.path) as stream, zipfile.ZipFile(stream) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        yield Unit("zip", uri, size=entry.size)  # its reader says what is wrong, in the result
        return
    names = sorted({e.filename for e in listed if PurePosixPath(e.filename).suffix.lower() in PICTURES})
    for start in range(0, len(names), size):
        yield Unit("zip", uri, tuple(names[start : start + size]), size=entry.size)


def _cut_parquet(files: fs.FileSystem, entry: fs.FileInfo, uri: str) -> Iterator[Unit]:
    try:
        with files.open_input_file(entry.path) as stream:
            groups = parquet.ParquetFile(stream).num_row_groups
    except (OSError, ValueError):
        groups = 1  # its reader says what is wrong, in the result
    yield from (Unit("parquet", uri, row_group=group, size=entry.size) for group in range(groups))
