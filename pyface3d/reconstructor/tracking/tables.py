"""One row for each face of each frame: ARKit's expressions, where the head is, when."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pyface3d.atomic import atomic_write
from pyface3d.morphable import ARKIT_NAMES

#: frame and face are counted from 0; degrees by 300W-LP's signs; meters to the camera's right, up and towards it
COLUMNS = ("frame", "time", "face", *ARKIT_NAMES, "pitch", "yaw", "roll", "x", "y", "z")
_GROUP = 4096  # rows of Parquet that are written together


class Table(Protocol):
    """What takes rows."""

    def add(self, row: dict[str, Any]) -> None:
        """One more row, by ``COLUMNS``."""


@contextmanager
def csv_table(path: Path) -> Iterator[Table]:
    """Writes ``path`` row by row; it appears when the block ends well."""
    with atomic_write(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        yield _Rounded(writer)
        text.detach()


class _Rounded:
    def __init__(self, writer: "csv.DictWriter[str]") -> None:
        self.writer = writer

    def add(self, row: dict[str, Any]) -> None:
        self.writer.writerow({name: round(v, 5) + 0.0 if isinstance(v, float) else v for name, v in row.items()})


@contextmanager
def parquet_table(path: Path) -> Iterator[Table]:
    """The same as Parquet; needs pyarrow."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise ImportError("a Parquet table needs pyarrow: pip install pyarrow") from None
    counted = {"frame": arrow.int64(), "face": arrow.int64(), "time": arrow.float64()}
    schema = arrow.schema([(name, counted.get(name, arrow.float32())) for name in COLUMNS])
    with atomic_write(path) as stream, parquet.ParquetWriter(stream, schema) as writer:
        table = _Grouped(lambda rows: writer.write_table(arrow.Table.from_pylist(rows, schema)))
        yield table
        table.flush()


class _Grouped:
    def __init__(self, write: Any) -> None:
        self.write, self.rows = write, list[dict[str, Any]]()

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) >= _GROUP:
            self.flush()

    def flush(self) -> None:
        if self.rows:
            self.write(self.rows)
            self.rows = []
