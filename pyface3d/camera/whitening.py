"""Whitening tables as 3DDFA and 3DDFA_V2 release them."""

import os
from pathlib import Path
from typing import Any

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.pickles import as_array, load_pickle
from pyface3d.foreign.regular import open_regular

# names of mean and std in a file, and how that project's vertices reach the crop; the versions stand in one npz
_RELEASES = (
    ("param_mean_v2", "param_std_v2", "3ddfa_v2"),
    ("param_mean_v1", "param_std_v1", "3ddfa"),
    ("param_mean", "param_std", "3ddfa"),
    ("mean", "std", "3ddfa_v2"),
)


def read_release(path: str | os.PathLike, flip: str | None = None) -> dict[str, Any]:
    """Mean, std and flip of a released table, read without running anything in the file.

    Args:
        path: 3DDFA's ``param_whitening.pkl``, 3DDFA_V2's ``param_mean_std_62d_120x120.pkl``, or an npz with
            ``param_mean`` and ``param_std``, of 3DDFA, or both with the suffix ``_v1`` (3DDFA) or ``_v2`` (3DDFA_V2).
        flip: ``"3ddfa"`` or ``"3ddfa_v2"``: the project whose table is wanted; None: the one that is there, 3DDFA_V2's
            of both.

    Returns:
        ``mean`` and ``std`` (P,), and ``flip``: the two tables belong to different projects and must not be
        exchanged.

    Raises:
        ValueError: if the file holds no such table.
    """
    path = Path(path)
    with open_regular(path) as stream:
        is_npz = stream.read(2) == b"PK"
    content = read_npz(path, "ParameterSpace") if is_npz else load_pickle(path, "ParameterSpace")
    for mean, std, project in _RELEASES:
        if isinstance(content, dict) and mean in content and std in content and flip in (None, project):
            with reading(path, "ParameterSpace"):
                return {"mean": as_array(content[mean]).ravel(), "std": as_array(content[std]).ravel(), "flip": project}
    wanted = {None: "3DDFA or 3DDFA_V2", "3ddfa": "3DDFA", "3ddfa_v2": "3DDFA_V2"}[flip]
    raise ValueError(f"{path} holds no whitening table of {wanted}")
