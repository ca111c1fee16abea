"""A folder of results: a record for each photo, files by kind, tables, and what is already there."""

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d import render
from pyface3d.atomic import atomic_write, sweep, write_whole
from pyface3d.foreign.text import json_text
from pyface3d.images import Source
from pyface3d.images.sources import stem_of
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.photo_faces import PhotoFaces

# kind -> ending of the file of a face; tables and page are made of all photos together
FACE_FILES = {
    "obj": ".obj", "glb": ".glb", "ply": ".ply", "arrays": ".npz", "map": ".npy", "overlay": "-overlay.jpg",
    "depth": "-depth.png", "normals": "-normals.png", "landmarks": "-landmarks.jpg",
}  # fmt: skip
TABLES = ("csv", "parquet")
KINDS = (*FACE_FILES, *TABLES, "page")
MOST_ON_PAGE = 40  # faces; keeps the page under 8 MB

_NEED_TRIANGLES = frozenset(("obj", "glb", "ply", "depth", "normals", "page"))
_FIRST_COLUMNS = ("photo", "face", "method", "score")  # of a table without a face, too
_PICTURES = ("overlay", "depth", "normals", "landmarks")
_LISTS = ("kinds", "files", "faces")  # of a record
_ENDING = re.compile(r"-(face\d+|overlay|depth|normals|landmarks|texture)$")  # a photo so named would share files


class OutputFolder:
    """Writes results so that an interrupted run can go on: a photo's record comes last and says it is complete.

    Args:
        folder: made when it is missing.
        kinds: what to write, of ``KINDS``; the record ``<photo>.json`` with pose and landmarks is always written.
        settings: JSON-able; a record of other settings, or older than its photo or a file that they name (weights,
            a face model), counts as absent.

    Raises:
        ValueError: an unknown kind.
        OSError: the folder cannot be made or written.

    Example:
        >>> folder = OutputFolder("faces", ["glb", "csv"])  # doctest: +SKIP
        >>> for result in reconstructor.iter(["photos"]):  # doctest: +SKIP
        ...     folder.write(result)
        >>> folder.finish()  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike[str], kinds: list[str], settings: dict[str, Any] | None = None):
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"outputs must be of {', '.join(KINDS)}; got {', '.join(unknown)}")
        self.folder, self.kinds, self.settings = Path(folder), list(kinds), settings or {}
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".pyface3d-"):
            pass  # fails here and now rather than after the first photo
        sweep(self.folder)
        self._stems: dict[str, str] = {}  # source name -> stem
        self._taken: set[str] = set()
        self._on_page: list[Face] = []

    def is_complete(self, source: Source) -> bool:
        """Whether an earlier run with the same settings has written all that is wanted for this photo."""
        record = self._record(source)
        if record is None or record["settings"] != self.settings or not set(self._wanted()) <= set(record["kinds"]):
            return False
        if any(_changed(path) > record["written"] for path in (source.path or source.name, *self.settings.values())):
            return False
        return all((self.folder / file).is_file() for file in record["files"])

    def found(self, source: Source) -> int:
        """How many faces the record of a complete photo holds."""
        return len((self._record(source) or {"faces": []})["faces"])

    def write(self, result: PhotoFaces) -> list[Path]:
        """Write the files of one photo and then its record; returns the files."""
        stem = self._stem(result.source)
        (self.folder / stem).parent.mkdir(parents=True, exist_ok=True)
        files = [file for face in result.faces for file in self._write_face(face, stem)]
        record = {
            "photo": result.source.name,
            "settings": self.settings,
            "kinds": self._wanted(),
            "files": [file.relative_to(self.folder).as_posix() for file in files],
            "faces": [face.facts() for face in result.faces],
        }
        write_whole(self.folder / f"{stem}.json", json_text(record).encode())
        if "page" in self.kinds and len(self._on_page) < MOST_ON_PAGE:
            self._on_page += result.faces[: MOST_ON_PAGE - len(self._on_page)]
        return [*files, self.folder / f"{stem}.json"]

    def finish(self) -> list[Path]:
        """Write the tables over all photos that were asked about or written, and the page of this run's faces."""
        written = []
        if "csv" in self.kinds:
            written.append(self._write_csv(self.folder / "faces.csv"))
        if "parquet" in self.kinds:
            written.append(self._write_parquet(self.folder / "faces.parquet"))
        if self._on_page:
            from pyface3d.page.faces import write_faces_page

            written.append(write_faces_page(self.folder / "faces.html", self._on_page, title="Reconstructed faces"))
        return written

    def leave_out_meshes(self) -> list[str]:
        """For a model without triangles: leaves out what needs them; returns the kinds."""
        needing = [kind for kind in self.kinds if kind in _NEED_TRIANGLES]
        self.kinds = [kind for kind in self.kinds if kind not in _NEED_TRIANGLES]
        return needing

    def _wanted(self) -> list[str]:
        return [kind for kind in self.kinds if kind in FACE_FILES]

    def _stem(self, source: Source) -> str:
        """Where the photo's files go, below the folder; two photos never share one."""
        if source.name not in self._stems:
            wanted = source.stem or stem_of(source.name)
            stem, number = wanted, 1
            while stem in self._taken or _ENDING.search(stem):
                number += 1
                stem = f"{wanted}-{number}"
            self._taken.add(stem)
            self._stems[source.name] = stem
        return self._stems[source.name]

    def _record(self, source: Source) -> dict[str, Any] | None:
        return self._read(source.name, self._stem(source))

    def _read(self, name: str, stem: str) -> dict[str, Any] | None:
        """The record of the photo ``name``; None where there is none, or one of another photo."""
        try:
            path = self.folder / f"{stem}.json"
            record = json.loads(path.read_bytes())
            known = record["photo"] == name and all(isinstance(record[key], list) for key in _LISTS)
            return {"settings": None, **record, "written": _changed(path)} if known else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def _write_face(self, face: Face, stem: str) -> Iterator[Path]:
        base = stem if face.index == 0 else f"{stem}-face{face.index + 1}"
        for kind in self._wanted():
            path = self.folder / (base + FACE_FILES[kind])
            if kind in _PICTURES:
                render.save_picture(path, face.render(kind))  # type: ignore[arg-type]
            else:
                face.save(path)
            yield path

    def _rows(self) -> Iterator[dict[str, Any]]:
        for name, stem in self._stems.items():
            record = self._read(name, stem)
            for facts in (record or {"faces": []})["faces"]:
                yield _row(facts)

    def _write_csv(self, path: Path) -> Path:
        with atomic_write(path) as stream:
            text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
            columns = list(dict.fromkeys(name for row in self._rows() for name in row)) or list(_FIRST_COLUMNS)
            writer = csv.DictWriter(text, columns, restval="")
            writer.writeheader()
            writer.writerows(self._rows())
            text.detach()
        return path

    def _write_parquet(self, path: Path) -> Path:
        try:
            import pyarrow as arrow
            import pyarrow.parquet as parquet
        except ImportError:
            raise ImportError("a Parquet table needs pyarrow: pip install pyarrow") from None
        with atomic_write(path) as stream:
            rows = list(self._rows())
            empty = arrow.Table.from_pylist([dict.fromkeys(_FIRST_COLUMNS)]).slice(0, 0)
            parquet.write_table(arrow.Table.from_pylist(rows) if rows else empty, stream)
        return path


def _changed(path: Any) -> float:
    """When a file was changed, in seconds; 0 for what is no file."""
    try:
        return os.path.getmtime(path) if isinstance(path, (str, os.PathLike)) else 0.0
    except (OSError, ValueError):
        return 0.0


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a face as one flat row: numbers rounded to what a table needs."""
    row: dict[str, Any] = {name: facts[name] for name in _FIRST_COLUMNS}
    row |= {f"box_{side}": round(value, 2) for side, value in zip(("left", "top", "right", "bottom"), facts["box"])}
    row |= {name: round(facts[name], 3) for name in ("pitch", "yaw", "roll")}
    row |= {f"pose_{i}": value for i, value in enumerate(np.ravel(facts["pose"]).tolist())}
    for i, point in enumerate(facts["landmarks"]):
        row |= {f"{axis}{i}": round(value, 3) for axis, value in zip("xyz", point)}
    row |= {f"param_{i}": value for i, value in enumerate(facts.get("params", []))}
    known = {name: value for name, value in facts.get("attributes", {}).items() if value is not None}
    return row | {f"attribute_{name}": round(value, 4) for name, value in known.items()}
