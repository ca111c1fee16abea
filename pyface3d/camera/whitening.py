"""Whitening tables as 3DDFA and 3DDFA_V2 release them."""

import os
from typing import Any

# keys of the pickle -> how that project's vertices reach the crop
_RELEASES = {("param_mean", "param_std"): "3ddfa", ("mean", "std"): "3ddfa_v2"}


def read_release(path: str | os.PathLike) -> dict[str, Any]:
    """Mean, std and flip of a released table, read without running the pickle.

    Args:
        path: 3DDFA's ``param_whitening.pkl`` or 3DDFA_V2's ``param_mean_std_62d_120x120.pkl``.

    Returns:
        ``mean`` and ``std`` (62,), and ``flip``: the two tables belong to different projects and must not be
        exchanged.

    Raises:
        ValueError: if the file is neither.
    """
    from pyface3d.morphable.pickles import as_array, load_pickle

    content = load_pickle(os.fspath(path))
    for (mean, std), flip in _RELEASES.items():
        if isinstance(content, dict) and mean in content and std in content:
            return {"mean": as_array(content[mean]).ravel(), "std": as_array(content[std]).ravel(), "flip": flip}
    raise ValueError(
        f"ParameterSpace.load: {path} is no whitening table of 3DDFA or 3DDFA_V2 and no saved ParameterSpace"
    )
