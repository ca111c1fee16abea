"""Landmark sets from the files that others publish for their models: eos' maps and FLAME's barycentric embeddings."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.pickles import as_array, load_pickle
from pyface3d.foreign.regular import read_text
from pyface3d.morphable.landmark_sets import LandmarkSet
from pyface3d.morphable.model import MorphableModel

_CALLER = "read_landmark_map"
_PAIR = re.compile(r'^\s*"?(\d+)"?\s*=\s*"?(\d+)"?\s*$')
_FACES, _WEIGHTS = ("lmk_face_idx", "static_lmk_faces_idx"), ("lmk_b_coords", "static_lmk_bary_coords")
_MEDIAPIPE = 478


def read_landmark_map(path: str | os.PathLike[str], model: MorphableModel, count: int = 68) -> LandmarkSet:
    """Where a model has the points of a convention, from a file of its publishers; what the file lacks is missing.

    * eos' ``.txt`` (``ibug_to_sfm.txt``, ``ibug_to_bfm2009.txt``): lines ``28 = 2842`` of a landmark, from 1, and a
      vertex, from 0;
    * FLAME's ``.pkl`` or ``.npz`` with ``lmk_face_idx`` (L,) and ``lmk_b_coords`` (L, 3): triangles and barycentric
      weights; with ``landmark_indices`` (L,) too these are so many of MediaPipe's 478.

    Args:
        path: the file.
        model: the face model that it belongs to.
        count: points of the convention that eos' file maps.

    Returns:
        The set, for ``fit_landmarks(landmarks=...)`` or ``MorphableModel(landmark_sets=...)``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file of another kind, or of another model.

    Example:
        >>> points = read_landmark_map("ibug_to_sfm.txt", load_model("sfm_shape_3448.bin"))  # doctest: +SKIP
        >>> int(points.mask.sum())  # doctest: +SKIP
        51
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{_CALLER}: no file {path}")
    with reading(path, _CALLER):
        if path.suffix.lower() in (".pkl", ".npz"):
            content = read_npz(path, _CALLER) if path.suffix.lower() == ".npz" else load_pickle(path, _CALLER)
            return _embedded(path, content, model)
        return _mapped(path, model, count)


def _mapped(path: Path, model: MorphableModel, count: int) -> LandmarkSet:
    pairs = list[tuple[int, int]]()
    for line in read_text(path).splitlines():
        if line.strip().startswith("[") and pairs:
            break  # the next table: contour points without numbers
        found = _PAIR.match(line.split("#")[0])
        if found:
            pairs.append((int(found[1]), int(found[2])))
    if not pairs:
        raise ValueError(f"{_CALLER}: {path} holds no lines such as '28 = 2842'")
    points, vertices = np.array(pairs).T
    if points.min() < 1 or points.max() > count or vertices.max() >= model.n_vertices:
        got = f"{points.max()} and {vertices.max()}"
        wanted = f"points 1 to {count} to the {model.n_vertices} vertices of {model.name}"
        raise ValueError(f"{_CALLER}: {path} must map {wanted}, got {got}")
    ids = np.full(count, -1)
    ids[points - 1] = vertices
    return LandmarkSet.of_vertices(ids)


def _embedded(path: Path, content: Any, model: MorphableModel) -> LandmarkSet:
    faces, weights = (_first(path, content, names) for names in (_FACES, _WEIGHTS))
    faces = faces.astype(np.int64).ravel()
    if weights.shape != (len(faces), 3) or not len(faces) or faces.min() < 0 or faces.max() >= len(model.triangles):
        got = f"{faces.shape} and {weights.shape}"
        raise ValueError(
            f"{_CALLER}: {path} must name triangles of the {len(model.triangles)} of {model.name} and (L, 3) weights, "
            f"got {got}"
        )
    corners = model.triangles.cpu()[torch.from_numpy(faces)]
    shares = torch.from_numpy(weights.astype(np.float32))
    if "landmark_indices" not in content:
        return LandmarkSet(corners, shares)
    places = torch.from_numpy(as_array(content["landmark_indices"]).astype(np.int64).ravel())
    if len(places) != len(faces) or int(places.min()) < 0 or int(places.max()) >= _MEDIAPIPE:
        raise ValueError(f"{_CALLER}: {path} must have landmark_indices of MediaPipe's {_MEDIAPIPE} points")
    every, parts = torch.full((_MEDIAPIPE, 3), -1), torch.zeros(_MEDIAPIPE, 3)
    every[places], parts[places] = corners, shares
    return LandmarkSet(every, parts)


def _first(path: Path, content: Any, names: tuple[str, ...]) -> np.ndarray:
    if isinstance(content, dict):
        for name in names:
            if name in content:
                return as_array(content[name])
    raise ValueError(f"{_CALLER}: {path} holds no {' or '.join(names)}")
