"""The folder of the result: one Parquet file for each unit, whole or not there."""

import os
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as parquet
from pyarrow import fs

from pyface3d.atomic import ABANDONED
from pyface3d.bulk.schema import table_of
from pyface3d.bulk.units import open_place
from pyface3d.foreign.damage import one_line

_PART = re.compile(r"part-([0-9a-f]{12})\.parquet")


class Parts:
    """The parts in a folder, by the keys of their units.

    Args:
        place: path or URI of the folder; it is made where it is missing.
    """

    def __init__(self, place: str) -> None:
        self.files, self.folder = open_place(place if "://" in place else os.path.abspath(place))
        self.files.create_dir(self.folder, recursive=True)

    def keys(self) -> set[str]:
        """Keys of the units that are complete."""
        names = (entry.base_name for entry in self.files.get_file_info(fs.FileSelector(self.folder)))
        return {found[1] for found in map(_PART.fullmatch, names) if found}

    def write(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Writes a unit's rows; a reader sees all of them or none."""
        partial = f"{self.folder}/.part-{key}.{uuid.uuid4().hex}"
        try:
            with self.files.open_output_stream(partial) as stream:
                # a dictionary of numbers that never repeat would only make the file larger
                parquet.write_table(table_of(rows), stream, compression="zstd", use_dictionary=["error"])
            self.files.move(partial, f"{self.folder}/part-{key}.parquet")
        except BaseException as error:
            self._delete(partial)
            if isinstance(error, OSError):
                raise OSError(error.errno, f"cannot write: {one_line(error)}", f"part-{key}.parquet") from error
            raise

    def sweep(self) -> None:
        """Removes what killed processes left half-written; what another one is writing is younger."""
        for entry in self.files.get_file_info(fs.FileSelector(self.folder)):
            if entry.base_name.startswith(".part-") and time.time() - (entry.mtime_ns or 0) / 1e9 > ABANDONED:
                self._delete(entry.path)

    def _delete(self, path: str) -> None:
        try:
            self.files.delete_file(path)
        except OSError:  # it was never made, or another process was faster
            return


def photos_of(place: str) -> Iterator[str]:
    """The names of all photos in a folder, each once."""
    parts = Parts(place)
    for key in sorted(parts.keys()):
        with parts.files.open_input_file(f"{parts.folder}/part-{key}.parquet") as stream:
            names = parquet.read_table(stream, columns=["path"])["path"]
        yield from names.unique().to_pylist()


def problems_of(place: str, most: int = 1000) -> tuple[int, list[tuple[str, str]]]:
    """How many photos of a folder, of earlier runs too, gave no face; and the first ``most``, with the reason."""
    parts = Parts(place)
    found: list[tuple[str, str]] = []
    count = 0
    for key in sorted(parts.keys()):
        with parts.files.open_input_file(f"{parts.folder}/part-{key}.parquet") as stream:
            table = parquet.read_table(stream, columns=["path", "error"] if len(found) < most else ["error"])
        bad = table.filter(table["error"].is_valid())
        count += len(bad)
        if len(found) < most:
            found += [(row["path"], row["error"]) for row in bad.to_pylist()]
    return count, found[:most]
