"""``load_model``: any published face model, recognized by what is in its files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import npz_names
from pyface3d.foreign.damage import one_line, reading
from pyface3d.foreign.matlab import mat_names
from pyface3d.foreign.pickles import load_pickle
from pyface3d.foreign.regular import open_regular
from pyface3d.foreign.text import read_json
from pyface3d.morphable import bfm2009, deep3d, eos
from pyface3d.morphable.bfm2017 import read_bfm2017
from pyface3d.morphable.flame import FLAME_NAMES, read_flame
from pyface3d.morphable.ict import load_ict
from pyface3d.morphable.model import MorphableModel
from pyface3d.morphable.native import load_native
from pyface3d.morphable.tddfa import read_tddfa_landmarks, read_tddfa_v1, read_tddfa_v2

# A file as it was recognized: its kind, and what its reader takes (a path, or content already read).
Piece = tuple[str, Any]

# model kind -> (its reader, the kinds of further files that it takes, by keyword)
_READERS: dict[str, tuple[Callable[..., MorphableModel], dict[str, str]]] = {
    "native": (load_native, {}),
    "ict": (load_ict, {}),
    "bfm2009": (bfm2009.read_bfm2009, {"bfm2009_trim": "trim", "bfm2009_expression": "expression"}),
    "bfm2017": (read_bfm2017, {}),
    "deep3d": (deep3d.read_deep3d, {}),
    "flame": (read_flame, {}),
    "tddfa_v1": (read_tddfa_v1, {"tri_mat": "triangles"}),
    "tddfa_v2": (read_tddfa_v2, {"tri_pickle": "triangles"}),
    "tddfa_landmarks": (read_tddfa_landmarks, {}),
    "eos": (eos.read_eos, {"eos_blendshapes": "blendshapes"}),
    "eos_json": (eos.read_eos_json, {"eos_blendshapes": "blendshapes"}),
}


def load_model(path: str | os.PathLike[str], *more: str | os.PathLike[str]) -> MorphableModel:
    """Read a face model, whatever its format.

    Known are pyface3d's own files, Basel 2009 (``.mat``, with 3DDFA's ``model_info.mat`` and ``Model_Exp.mat``),
    Basel 2017 and 2019 (``.h5``), 3DDFA's and 3DDFA_V2's ``configs`` folders, Deep3D's ``BFM_model_front.mat``, eos
    ``.bin`` and ``.json``, FLAME ``.pkl`` and ``.npz`` (its joints are ``ArticulatedModel.load``'s), and ICT-FaceKit.
    The content decides, never the name; pickles are read by an unpickler that builds nothing but arrays and plain
    containers.

    Args:
        path: the model's file, or the folder of its files.
        more: further files that belong to the model (trimming, expressions, triangles).

    Raises:
        FileNotFoundError: no such file.
        ValueError: the files are damaged, hold no known model, or hold more than one.

    Example:
        >>> model = load_model("01_MorphableModel.mat", "model_info.mat", "Model_Exp.mat")  # doctest: +SKIP
    """
    path = Path(path)
    files = [Path(file) for file in more]
    for file in (path, *files):
        if not file.exists():
            raise FileNotFoundError(f"load_model: {file} does not exist")
    pieces = [piece for file in files for piece in [_recognize(file)] if piece]
    folder = _recognize_folder(path) if path.is_dir() else None
    if folder is None:
        found = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        pieces = [piece for file in found for piece in [_recognize(file)] if piece] + pieces
    else:
        pieces.insert(0, folder)
    return _read(path, pieces)


def _read(path: Path, pieces: list[Piece]) -> MorphableModel:
    models = [(kind, content) for kind, content in pieces if kind in _READERS]
    if len(models) != 1:
        found = " and ".join(kind for kind, _ in models) or "no face model that this library knows"
        raise ValueError(f"load_model: {path} holds {found}; name one model file")
    kind, content = models[0]
    reader, takes = _READERS[kind]
    further = {takes[other]: value for other, value in pieces if other in takes}
    try:
        return reader(content, **further)
    except (OSError, ImportError):
        raise
    except Exception as error:  # what a reader stumbles over in content that is none, of any type
        if str(error).startswith("load_model: "):
            raise
        raise ValueError(f"load_model: {path} was taken for a {kind} model, but {one_line(error)}") from error


def _recognize_folder(folder: Path) -> Piece | None:
    if (folder / "u_shp.npy").exists() and (folder / "w_shp_sim.npy").exists():
        return "tddfa_v1", folder
    return ("ict", folder) if (folder / "generic_neutral_mesh.obj").exists() else None


def _recognize(path: Path) -> Piece | None:
    """What one file is, None for a file that is of no use to any reader."""
    with reading(path), open_regular(path) as stream:
        head = stream.read(128)
    if head.startswith(b"PK"):
        return _recognize_npz(path)
    if head.startswith((b"MATLAB 5.0", b"MATLAB 7.3")):
        return _recognize_mat(path)
    if head.startswith(b"\x89HDF"):
        return "bfm2017", path
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _recognize_pickle(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1e8:
        return "native", path
    if head.lstrip().startswith(b"{"):
        return _recognize_json(path)
    kind = eos.kind_of(head)
    if kind:
        return kind, path
    return _recognize_pickle(path) if head.startswith((b"(", b"}", b"]", b"c")) else None  # protocols 0 and 1


def _recognize_npz(path: Path) -> Piece | None:
    names = npz_names(path)
    if "header" in names:
        return "native", path
    if {"u", "w_shp", "w_exp"} <= names:
        return "tddfa_landmarks", path
    if FLAME_NAMES <= names:
        return "flame", path
    return ("ict", path) if {"part_vertex_range", "identity", "expression"} <= names else None


def _recognize_mat(path: Path) -> Piece | None:
    names = mat_names(path)
    kind = deep3d.kind_of(names) or bfm2009.kind_of(names) or ("tri_mat" if names == {"tri"} else None)
    return (kind, path) if kind else None


def _recognize_pickle(path: Path) -> Piece | None:
    content = load_pickle(path)
    if isinstance(content, np.ndarray):
        return ("tri_pickle", content) if content.ndim == 2 and 3 in content.shape else None
    if isinstance(content, dict) and content.keys() >= FLAME_NAMES:
        return "flame", content
    return ("tddfa_v2", content) if isinstance(content, dict) and {"u", "w_shp", "w_exp"} <= content.keys() else None


def _recognize_json(path: Path) -> Piece | None:
    content = read_json(path)
    with reading(path):
        tree = content.get("value0", content)
    return ("eos_json", tree) if "shape_model" in tree else None
