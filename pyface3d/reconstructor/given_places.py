"""Where faces are when the user knows: boxes, crops or landmarks, given or read from a file."""

import csv
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyface3d import camera

KINDS = ("boxes", "rois", "landmarks")


@dataclass(frozen=True, eq=False)
class Places:
    """Places of faces in one photo, in pixels of the upright photo; at most one of the three.

    Args:
        boxes: (F, 4) or (4,) left, top, right, bottom, tightly around the faces (brows to chin).
        rois: (F, 4) or (4,) square crops, used as they are.
        landmarks: (F, L, 2 or 3) or (L, 2 or 3) points of the faces.

    Raises:
        ValueError: more than one is given, another shape, numbers that are not finite, or boxes without an inside.
    """

    boxes: Any = None
    rois: Any = None
    landmarks: Any = None

    def __post_init__(self) -> None:
        if sum(getattr(self, kind) is not None for kind in KINDS) > 1:
            raise ValueError("places of faces: give one of boxes, rois and landmarks")
        self.crops()  # what is none fails here and not at its photo

    def crops(self) -> np.ndarray | None:
        """(F, 4) float32 square crops, or None where nothing is given."""
        if self.rois is not None:
            return _rows("rois", self.rois)
        if self.boxes is not None:
            return rois_of_boxes(_rows("boxes", self.boxes))
        if self.landmarks is not None:
            points = np.asarray(self.landmarks, np.float32)
            points = points[None] if points.ndim == 2 else points
            right = points.ndim == 3 and points.shape[2] in (2, 3) and points.shape[1] >= 2
            if not right or not np.isfinite(points).all():
                raise ValueError(f"landmarks must be finite (F, L, 2), got {np.shape(self.landmarks)}")
            return camera.roi_from_landmarks(torch.from_numpy(points)).numpy()
        return None


def rois_of_boxes(boxes: np.ndarray) -> np.ndarray:
    """Square crops (F, 4) of boxes (F, 4) that surround the landmarks: the rule of ``camera.roi_from_landmarks``."""
    corners = torch.from_numpy(np.ascontiguousarray(boxes, np.float32)).reshape(-1, 2, 2)
    return camera.roi_from_landmarks(corners).numpy()


def read_places(path: str | os.PathLike[str], kind: str) -> dict[str, Places]:
    """Photo name to places, from a CSV, JSON or npz file.

    CSV: a row for each face, the photo's name and then the numbers (left, top, right, bottom, or x and y of each
    landmark); a header line is skipped. JSON: an object, name to list of faces. npz: ``names`` and an array of the
    name of the kind (or the only other array) with a row for each name.

    Args:
        path: the file.
        kind: "boxes", "rois" or "landmarks".

    Raises:
        ValueError: another kind or suffix, or numbers that are none.

    Example:
        >>> places = read_places("boxes.csv", "boxes")  # doctest: +SKIP
    """
    if kind not in KINDS:
        raise ValueError(f"read_places: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    path = Path(path)
    readers = {".csv": _read_csv, ".json": _read_json, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise ValueError(f"read_places: {path} must be .csv, .json or .npz")
    name = ""
    places = {}
    try:
        for name, rows in readers[path.suffix.lower()](path, kind).items():
            places[name] = Places(**{kind: _points(rows) if kind == "landmarks" else rows})
    except (TypeError, ValueError, KeyError) as error:
        where = f"{path}, {name}" if name else str(path)
        raise ValueError(f"read_places: {where}: these are no {kind} ({error})") from None
    return places


def find_places(places: Mapping[str, Places], name: str) -> Places | None:
    """The entry of a source: by its whole name, its last part, or that without suffix."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    for key in (name, last, last.rsplit(".", 1)[0]):
        if key in places:
            return places[key]
    return None


def _read_csv(path: Path, kind: str) -> dict[str, list[list[float]]]:
    faces: dict[str, list[list[float]]] = {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for number, row in enumerate(csv.reader(stream)):
            try:
                values = [float(value) for value in row[1:]]
            except ValueError:
                if number == 0:
                    continue
                raise ValueError(f"line {number + 1} is not a name and numbers") from None
            if row:
                faces.setdefault(row[0], []).append(values)
    return faces


def _read_json(path: Path, kind: str) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it must be an object, name to faces")
    return content


def _read_npz(path: Path, kind: str) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        others = [name for name in file.files if name != "names"]
        array = file[kind if kind in others or len(others) != 1 else others[0]]
        return {str(name): array[i] for i, name in enumerate(file["names"])}


def _points(rows: Any) -> np.ndarray:
    points = np.asarray(rows, np.float32)
    if not points.size:
        return points.reshape(0, 68, 2)
    return points.reshape(len(points), -1, 2) if points.ndim == 2 and points.shape[1] > 3 else points


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
