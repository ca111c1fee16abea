"""3DDFA's ``configs`` folders: version 1 as npy files, version 2 as ``bfm_noneck_v3.pkl`` with ``tri.pkl``.

Both are BFM 2009 in micrometers with the identity and expression modes that the 62-vector counts.
"""

from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.foreign.arrays import read_npy, read_npz
from pyface3d.foreign.matlab import read_mat
from pyface3d.foreign.pickles import as_array
from pyface3d.morphable.layouts import (
    basis_from_flat,
    landmarks_from_coordinates,
    outward,
    vertices_from_flat,
    zero_based,
)
from pyface3d.morphable.model import MorphableModel


def read_tddfa_v1(folder: Path, triangles: Path | None = None) -> MorphableModel:
    """Read ``u_shp.npy``, ``u_exp.npy``, ``w_shp_sim.npy``, ``w_exp_sim.npy`` and ``keypoints_sim.npy``.

    Args:
        folder: the folder of these files.
        triangles: ``tri.mat`` (1-based); absent: looked for in the folder and in ``visualize`` beside it.
    """
    candidates = [triangles] if triangles else [folder / "tri.mat", folder.parent / "visualize" / "tri.mat"]
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        raise FileNotFoundError(f"load_model: {folder} has no tri.mat; name its path as a second argument")
    arrays = {name: read_npy(folder / f"{name}.npy") for name in ("u_shp", "u_exp", "w_shp_sim", "w_exp_sim")}
    mean = vertices_from_flat(arrays["u_shp"] + arrays["u_exp"])
    return MorphableModel(
        mean,
        basis_from_flat(arrays["w_shp_sim"]),
        basis_from_flat(arrays["w_exp_sim"]),
        outward(mean, zero_based(read_mat(found)["tri"], first=1)),
        landmarks=landmarks_from_coordinates(read_npy(folder / "keypoints_sim.npy")),
        unit="um",
        name="tddfa",
    )


def read_tddfa_v2(content: dict[str, Any], triangles: Any = None) -> MorphableModel:
    """The model of an unpickled ``bfm_noneck_v3.pkl``, with the 0-based triangles of ``tri.pkl`` or its own."""
    if triangles is None and content.get("tri") is None:
        raise ValueError("has no triangles; name their file too: load_model('bfm_noneck_v3.pkl', 'tri.pkl')")
    mean = vertices_from_flat(as_array(content["u"]))
    return MorphableModel(
        mean,
        basis_from_flat(as_array(content["w_shp"])),
        basis_from_flat(as_array(content["w_exp"])),
        outward(mean, zero_based(as_array(content["tri"] if triangles is None else triangles), first=0)),
        landmarks=landmarks_from_coordinates(as_array(content["keypoints"])) if "keypoints" in content else None,
        unit="um",
        name="tddfa_v2",
    )


def read_tddfa_landmarks(path: Path) -> MorphableModel:
    """The rows of the 68 landmarks alone, as an npz of ``u`` (204, 1), ``w_shp`` (204, K_i) and ``w_exp`` (204, K_e).

    It has no triangles: enough for landmarks, poses and fitting, not for meshes.
    """
    arrays = read_npz(path)
    mean = vertices_from_flat(arrays["u"])
    if len(mean) != 68:
        raise ValueError(f"u must be (204, 1), got {arrays['u'].shape}")
    bases = basis_from_flat(arrays["w_shp"]), basis_from_flat(arrays["w_exp"])
    triangles = np.zeros((0, 3), np.int64)
    return MorphableModel(mean, *bases, triangles, landmarks=np.arange(68), unit="um", name="tddfa_landmarks")
