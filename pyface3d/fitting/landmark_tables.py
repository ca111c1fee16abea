"""Landmarks from the files that annotation tools and data sets write."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_MAT_NAMES = ("pt3d_68", "pt2d", "pts_2d")


def read_landmarks(path: str | os.PathLike[str]) -> Tensor:
    """Landmarks of one or more faces.

    ``.pts`` (iBUG), ``.npy``, ``.npz`` (``landmarks``, or the only array), ``.json`` (nested lists, or an object with
    ``landmarks``), ``.csv`` and ``.txt`` (a point on each line, or all numbers of a face on one), ``.mat`` (300W-LP,
    AFLW2000-3D; 1-based as stored). Points may lie in rows or in columns.

    Args:
        path: the file.

    Returns:
        (B, L, 2) float32 pixels, y down; what is not a number marks a point that is not visible.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds no points; the sentence names it.

    Example:
        >>> points = read_landmarks("face.pts")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"read_landmarks: no file {path}")
    readers = {".pts": _pts, ".npy": _npy, ".npz": _npz, ".json": _json, ".csv": _text, ".txt": _text, ".mat": _mat}
    if path.suffix.lower() not in readers:
        raise ValueError(f"read_landmarks: {path} must end in {', '.join(readers)}")
    try:
        return _as_points(np.asarray(readers[path.suffix.lower()](path), np.float32))
    except (ValueError, TypeError, KeyError, IndexError, EOFError) as error:
        raise ValueError(f"read_landmarks: {path} holds no landmarks ({error})") from None


def _as_points(values: np.ndarray) -> Tensor:
    if values.ndim == 2 and values.shape[1] > 3 and values.shape[0] not in (2, 3):
        values = values.reshape(len(values), -1, 2)  # all coordinates of a face on one row
    if values.ndim == 2:
        values = values[None]
    if values.ndim == 3 and values.shape[2] not in (2, 3) and values.shape[1] in (2, 3):
        values = values.swapaxes(1, 2)
    if values.ndim != 3 or values.shape[2] not in (2, 3) or values.shape[1] < 4:
        raise ValueError(f"points must be (B, L, 2), got {values.shape}")
    return torch.from_numpy(np.ascontiguousarray(values[..., :2]))


def _pts(path: Path) -> list[list[float]]:
    lines = path.read_text().split("{", 1)[1].split("}", 1)[0].splitlines()
    return [[float(value) for value in line.split()] for line in lines if line.strip()]


def _npy(path: Path) -> np.ndarray:
    return np.load(path, allow_pickle=False)


def _npz(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        names = file.files
        if "landmarks" not in names and len(names) != 1:
            raise ValueError(f"no array 'landmarks' among {', '.join(names)}")
        return file["landmarks" if "landmarks" in names else names[0]]


def _json(path: Path) -> Any:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "faces" in content:  # what the reconstruct command writes
        return [face["landmarks"] for face in content["faces"]]
    return content["landmarks"] if isinstance(content, dict) else content


def _text(path: Path) -> np.ndarray:
    lines = [line.replace(",", " ").split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    rows = [line for line in lines if line]
    if rows and not _number(rows[0][0]):
        rows = rows[1:]
    return np.array([[float(value) for value in row] for row in rows])


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mat(path: Path) -> np.ndarray:
    from scipy.io import loadmat

    content = loadmat(path)
    for name in _MAT_NAMES:
        if name in content:
            return content[name][:2]
    raise ValueError(f"none of {', '.join(_MAT_NAMES)}")
