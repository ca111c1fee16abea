"""The photos of a unit, one after the other, whatever they lie in."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath

import pyarrow.parquet as parquet

from pyface3d.bulk.units import Unit, open_input
from pyface3d.foreign.archives import open_zip, read_entry, tar_entries
from pyface3d.foreign.damage import one_line
from pyface3d.foreign.names import printable
from pyface3d.foreign.regular import read_stream
from pyface3d.images import Photo, Source, read_photo
from pyface3d.images.sources import PICTURES

BYTES_COLUMNS, PATH_COLUMNS = ("bytes", "image", "jpg", "png", "content"), ("path", "uri", "url", "name")


def sources_of(unit: Unit) -> Iterator[Source]:
    """A source for each photo of ``unit``. Photos that cannot be read raise when they are, and disturb no other."""
    try:
        yield from _READERS[unit.kind](unit)
    except Exception as error:  # arrow's, zipfile's and Python's own errors, of many types
        yield _refused(unit.place, error)  # stands for the rest of the archive


def _source(place: str, fetch: Callable[[], bytes]) -> Source:
    name = printable(place)

    def read() -> Photo:
        return read_photo(fetch(), name)

    return Source(name, read)


def _fetch(place: str) -> bytes:
    with open_input(place) as stream:
        return read_stream(stream, printable(place), "photo_bytes")


def _holding(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _files(unit: Unit) -> Iterator[Source]:
    for place in unit.names:
        yield _source(place, partial(_fetch, place))


def _zip(unit: Unit) -> Iterator[Source]:
    with open_input(unit.place) as stream, open_zip(stream) as archive:
        for entry in unit.names:
            name = f"{unit.place}/{entry}"
            try:
                content = read_entry(archive, entry)
            except ValueError as error:
                yield _refused(name, error)
                continue
            yield _source(name, _holding(content))


def _tar(unit: Unit) -> Iterator[Source]:
    seen: Counter[str] = Counter()
    with open_input(unit.place) as stream:
        for entry, content in tar_entries(stream):
            if isinstance(content, ValueError):
                yield _refused(f"{unit.place}/{entry}" if entry else unit.place, content)
            elif PurePosixPath(entry).suffix.lower() in PICTURES and not entry.startswith("__MACOSX/"):
                seen[entry] += 1  # a tar may hold several files of one name
                again = f"#{seen[entry]}" if seen[entry] > 1 else ""
                yield _source(f"{unit.place}/{entry}{again}", _holding(content))


def _parquet(unit: Unit) -> Iterator[Source]:
    """Rows with bytes, or {"bytes": ..., "path": ...} structs, or paths and URIs; named by path, or by their number."""
    with open_input(unit.place) as stream:
        table = parquet.ParquetFile(stream)
        first = sum(table.metadata.row_group(i).num_rows for i in range(unit.row_group))
        names = table.schema_arrow.names
        content = next((name for name in BYTES_COLUMNS if name in names), None)
        label = next((name for name in PATH_COLUMNS if name in names), None)
        if content is None and label is None:
            known = ", ".join(BYTES_COLUMNS + PATH_COLUMNS)
            yield _refused(unit.place, ValueError(f"no column of {known}; it has {', '.join(names)}"))
            return
        wanted = [name for name in (content, label) if name is not None]
        rows = table.iter_batches(64, row_groups=[unit.row_group], columns=wanted)
        for number, row in enumerate((row for batch in rows for row in batch.to_pylist()), first):
            yield _row(unit.place, number, row.get(content), row.get(label))


def _row(place: str, number: int, content: bytes | dict | None, label: str | None) -> Source:
    if isinstance(content, dict):  # the image type of Hugging Face's datasets
        label = label or content.get("path")
        content = content.get("bytes")
    name = f"{place}/{number}" if content is not None or label is None else label
    if content is None and label is None:
        return _refused(name, ValueError("the row holds neither bytes nor a path"))
    return _source(name, lambda: _fetch(label) if content is None else content)  # type: ignore[arg-type]


def _refused(place: str, error: Exception) -> Source:
    name = printable(place)

    def read() -> Photo:
        raise ValueError(f"{name}: cannot be read ({one_line(error)})")

    return Source(name, read)


_READERS = {"files": _files, "zip": _zip, "tar": _tar, "parquet": _parquet}
