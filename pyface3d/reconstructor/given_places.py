"""Where faces are when the user knows: boxes, crops or landmarks, given or read from a file."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyface3d import camera
from pyface3d.data.schemes import convert_landmarks
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import one_line, reading
from pyface3d.foreign.names import printable
from pyface3d.foreign.regular import read_text
from pyface3d.foreign.text import read_json
from pyface3d.images.framing import rois_of_boxes
from pyface3d.point_rows import SCHEMES, points_of_array, points_of_rows

KINDS = ("boxes", "rois", "landmarks")


@dataclass(frozen=True, eq=False)
class Places:
    """Places of faces in one photo, in pixels of the upright photo; at most one of the three.

    Args:
        boxes: (F, 4) or (4,) left, top, right, bottom, tightly around the faces (brows to chin).
        rois: (F, 4) or (4,) square crops, used as they are.
        landmarks: (F, L, 2 or 3) or (L, 2 or 3) points of the faces: 5 (eyes, nose tip, mouth corners), 21 of AFLW, 68
            of iBUG, 81, 98 of WFLW or 106 of LaPa.
        problem: why the places of this photo are none; reading the photo then fails with it.

    Raises:
        ValueError: more than one is given, another shape, numbers that are not finite, or boxes without an inside.
    """

    boxes: Any = None
    rois: Any = None
    landmarks: Any = None
    problem: str | None = None

    def __post_init__(self) -> None:
        if sum(getattr(self, kind) is not None for kind in KINDS) > 1:
            raise ValueError("places of faces: give one of boxes, rois and landmarks")
        if self.problem is None:
            self.crops()  # what is none fails here and not at its photo

    def crops(self) -> np.ndarray | None:
        """(F, 4) float32 square crops, or None where nothing is given."""
        if self.problem is not None:
            raise ValueError(self.problem)
        if self.rois is not None:
            return _rows("rois", self.rois)
        if self.boxes is not None:
            return rois_of_boxes(_rows("boxes", self.boxes))
        if self.landmarks is not None:
            return rois_of_landmarks(np.asarray(self.landmarks, np.float32))
        return None


def rois_of_landmarks(points: np.ndarray) -> np.ndarray:
    """Square crops (F, 4) of landmarks (F, L, 2 or 3) or (L, 2 or 3), by the rule of their scheme.

    68 points and the schemes that contain them are framed by ``camera.roi_from_landmarks``, AFLW's 21 too; five points,
    which do not reach the outline of a face, as CelebA's are (``camera.roi_from_five_points``).

    Raises:
        ValueError: numbers that are not finite, another shape, or a number of points without a rule.
    """
    points = points[None] if points.ndim == 2 else points
    if points.ndim != 3 or points.shape[2] not in (2, 3) or not np.isfinite(points).all():
        raise ValueError(f"landmarks must be finite (F, L, 2), got {points.shape}")
    count = points.shape[1]
    if not len(points):
        return np.zeros((0, 4), np.float32)
    if count == 5:
        return torch.stack([camera.roi_from_five_points(face[:, :2]) for face in torch.from_numpy(points)]).numpy()
    if count in (81, 98, 106):
        points = np.stack([convert_landmarks(face, np.ones(count, bool), 68)[0] for face in points])
    elif count not in (21, 68):
        known = ", ".join(map(str, SCHEMES))
        raise ValueError(f"no rule frames a face by {count} points; known are {known}: give boxes or rois")
    return camera.roi_from_landmarks(torch.from_numpy(np.ascontiguousarray(points, np.float32))).numpy()


def read_places(path: str | os.PathLike[str], kind: str, layout: str | None = None) -> dict[str, Places]:
    """Photo name to places, from a CSV, JSON or npz file.

    CSV: a row for each face, the photo's name and then the numbers (left, top, right, bottom, or the coordinates of
    each landmark); a header line names the columns (``name,x0,y0,z0,x1,...``). JSON: an object, name to list of faces.
    npz: ``names`` and an array of the name of the kind (or the only other array) with a row for each name.

    Args:
        path: the file.
        kind: "boxes", "rois" or "landmarks".
        layout: "xy" or "xyz", where neither the header nor the number of landmarks tells what a row holds.

    Returns:
        Name to places. Those of an entry that holds none carry the reason as their ``problem``.

    Raises:
        OSError: there is no such file.
        ValueError: another kind or suffix, or a file of which no entry is good.

    Example:
        >>> places = read_places("boxes.csv", "boxes")  # doctest: +SKIP
    """
    if kind not in KINDS:
        raise ValueError(f"read_places: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    path = Path(path)
    readers = {".csv": _read_csv, ".json": _read_json, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise ValueError(f"read_places: {path} must be .csv, .json or .npz")
    with reading(path, "read_places"):
        header, faces = readers[path.suffix.lower()](path, kind)
        places = {name: _places(path, name, kind, rows, header, layout) for name, rows in faces.items()}
    problems = [entry.problem for entry in places.values() if entry.problem is not None]
    if problems and len(problems) == len(places):
        raise ValueError(f"read_places: {problems[0]}")
    return places


def _places(path: Path, name: str, kind: str, rows: Any, header: list[str], layout: str | None) -> Places:
    try:
        if isinstance(rows, ValueError):
            raise rows
        entry: dict[str, Any] = {kind: _points(rows, header, layout) if kind == "landmarks" else rows}
        return Places(**entry)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        return Places(problem=f"{path}, {printable(name)}: these are no {kind} ({one_line(error)})")


def find_places(places: Mapping[str, Places], name: str) -> Places | None:
    """The entry of a source: by as much of the end of its path as an entry has, with or without suffix."""
    key = find_entry(places, name)
    return None if key is None else places[key]


def find_entry(places: Mapping[str, Places], name: str) -> str | None:
    """The key of the entry of a source; the longest one that the source's path ends in."""
    parts = name.replace("\\", "/").split("/")
    for first in range(len(parts)):
        end = "/".join(parts[first:])
        for key in (end, f"./{end}", end.rsplit(".", 1)[0]):
            if key in places:
                return key
    return None


def check_places(places: Mapping[str, Places], names: Iterable[str]) -> list[str]:
    """Sentences about entries that belong to no photo, or to more than one.

    Args:
        places: the entries.
        names: of all sources.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        key = find_entry(places, name)
        if key is not None:
            found[key].append(name)
    problems = [f"{printable(key)}: no such photo among the inputs" for key in places if key not in found]
    for key, matches in found.items():
        if len(matches) > 1:
            problems.append(
                f"{printable(key)}: names {len(matches)} photos ({', '.join(matches[:3])}); add their folders"
            )
    return problems


def _read_csv(path: Path, kind: str) -> tuple[list[str], dict[str, Any]]:
    """Header and rows by name; a row that is none stands for its photo."""
    faces: dict[str, Any] = {}
    header: list[str] = []
    csv.field_size_limit(1 << 20)
    for number, row in enumerate(csv.reader(io.StringIO(read_text(path, "utf-8-sig"), newline=""))):
        if not row:
            continue
        try:
            values = [float(value) for value in row[1:]]
        except ValueError:
            if number == 0:
                header = row[1:]
            else:
                faces[row[0]] = ValueError(f"line {number + 1} is not a name and numbers")
            continue
        if isinstance(faces.setdefault(row[0], []), list):
            faces[row[0]].append(values)
    return header, faces


def _read_json(path: Path, kind: str) -> tuple[list[str], dict[str, Any]]:
    content = read_json(path, "read_places")
    if not isinstance(content, dict):
        raise ValueError("it must be an object, name to faces")
    return [], content


def _read_npz(path: Path, kind: str) -> tuple[list[str], dict[str, Any]]:
    arrays = read_npz(path, "read_places")
    others = [name for name in arrays if name != "names"]
    array = arrays[kind if kind in others or len(others) != 1 else others[0]]
    if len(array) != len(arrays["names"]):
        raise ValueError(f"it has {len(arrays['names'])} names and {len(array)} rows")
    return [], {str(name): array[i] for i, name in enumerate(arrays["names"])}


def _points(rows: Any, header: list[str], layout: str | None) -> np.ndarray:
    points = np.asarray(rows, np.float32)
    if not points.size:
        return points.reshape(0, 68, 2)
    if points.ndim == 2 and points.shape[1] > 3 and header:
        return points_of_rows(points, header, layout)
    return points_of_array(points, layout)


def _rows(kind: str, values: Any) -> np.ndarray:
    rows = np.asarray(values, np.float32)
    if not rows.size:
        return np.zeros((0, 4), np.float32)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != 4 or not np.isfinite(rows).all():
        raise ValueError(f"{kind} must be finite (F, 4): left, top, right, bottom; got {np.shape(values)}")
    if not (rows[:, :2] < rows[:, 2:]).all():
        wrong = rows[(rows[:, :2] >= rows[:, 2:]).any(1)][0].tolist()
        raise ValueError(f"{kind} must be left, top, right, bottom with left < right and top < bottom; got {wrong}")
    return rows
