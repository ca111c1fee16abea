"""Landmarks from the files that annotation tools and data sets write."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyface3d.foreign.arrays import read_npy, read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.matlab import read_mat
from pyface3d.foreign.regular import read_text
from pyface3d.foreign.text import read_json
from pyface3d.point_rows import points_of_array, points_of_rows

_CALLER = "read_landmarks"
_MAT_NAMES = ("pt3d_68", "pt2d", "pts_2d")


def read_landmarks(path: str | os.PathLike[str], layout: str | None = None) -> Tensor:
    """Landmarks of one or more faces.

    ``.pts`` (iBUG), ``.npy``, ``.npz`` (``landmarks``, or the only array), ``.json`` (nested lists, or an object with
    ``landmarks``), ``.csv`` and ``.txt`` (a point on each line, or all numbers of a face on one), ``.mat`` (300W-LP,
    AFLW2000-3D; 1-based as stored). Points may lie in rows or in columns. A header line (``x0,y0,z0,x1,...``) says
    what the columns are; without one, the width of a row must be that of a scheme of 5, 21, 68, 81, 98 or 106 points,
    or leave no choice.

    Args:
        path: the file.
        layout: "xy" or "xyz": how many coordinates a point has, where the file does not tell.

    Returns:
        (B, L, 2) float32 pixels, y down; what is not a number marks a point that is not visible.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds no points; the sentence names it.

    Example:
        >>> points = read_landmarks("face.pts")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"read_landmarks: no file {path}")
    readers: dict[str, Callable[[Path], Any]] = {
        ".pts": _pts, ".npy": lambda path: read_npy(path, _CALLER), ".npz": _npz, ".json": _json, ".mat": _mat,
        ".csv": lambda path: _text(path, layout), ".txt": lambda path: _text(path, layout),
    }  # fmt: skip
    if path.suffix.lower() not in readers:
        raise ValueError(f"read_landmarks: {path} must end in {', '.join(readers)}")
    with reading(path, _CALLER):
        try:
            points = points_of_array(np.asarray(readers[path.suffix.lower()](path), np.float32), layout)
            if points.shape[1] < 4:
                raise ValueError(f"points must be (B, L, 2), got {points.shape}")
        except (ValueError, TypeError, KeyError, IndexError, EOFError) as error:
            if str(error).startswith(f"{_CALLER}: "):
                raise
            raise ValueError(f"{_CALLER}: {path} holds no landmarks ({error})") from None
        return torch.from_numpy(np.ascontiguousarray(points[..., :2]))


def _pts(path: Path) -> list[list[float]]:
    lines = read_text(path).split("{", 1)[1].split("}", 1)[0].splitlines()
    return [[float(value) for value in line.split()] for line in lines if line.strip()]


def _npz(path: Path) -> np.ndarray:
    arrays = read_npz(path, _CALLER)
    if "landmarks" not in arrays and len(arrays) != 1:
        raise ValueError(f"no array 'landmarks' among {', '.join(arrays)}")
    return arrays["landmarks"] if "landmarks" in arrays else next(iter(arrays.values()))


def _json(path: Path) -> Any:
    content = read_json(path, _CALLER)
    if isinstance(content, dict) and "faces" in content:  # what the reconstruct command writes
        return [face["landmarks"] for face in content["faces"]]
    return content["landmarks"] if isinstance(content, dict) else content


def _text(path: Path, layout: str | None) -> np.ndarray:
    lines = [line.replace(",", " ").split() for line in read_text(path, "utf-8-sig").splitlines()]
    rows = [line for line in lines if line]
    header = rows.pop(0) if rows and not _number(rows[0][0]) else []
    table = np.array([[float(value) for value in row] for row in rows])
    return points_of_rows(table, header, layout) if table.ndim == 2 and table.shape[1] > 3 else table


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mat(path: Path) -> np.ndarray:
    content = read_mat(path, _CALLER)
    for name in _MAT_NAMES:
        if name in content:
            return content[name][:2]
    raise ValueError(f"none of {', '.join(_MAT_NAMES)}")
