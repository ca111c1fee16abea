"""Methods with weights, face model and parameter space from files, as the command line names them."""

import os
from pathlib import Path

import numpy as np

from pyface3d.camera import ParameterSpace
from pyface3d.methods import Method, create
from pyface3d.morphable import MorphableModel, load_model
from pyface3d.morphable.pickles import as_array, load_pickle

EMBEDDED = "synthetic"  # name of the weights that ship with the package

# key of the mean, key of the std, flip: 3DDFA_V2's pickle, 3DDFA's pickle, and the same two side by side in one npz
_TABLES = (
    ("mean", "std", "3ddfa_v2"),
    ("param_mean", "param_std", "3ddfa"),
    ("param_mean_v2", "param_std_v2", "3ddfa_v2"),
)


def load_method(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    model: MorphableModel | str | os.PathLike[str] | None = None,
    space: ParameterSpace | str | os.PathLike[str] | None = None,
) -> Method:
    """A method with weights.

    Args:
        name: one of :func:`pyface3d.list_methods`.
        weights: name of embedded weights, or a path; None: the method's embedded weights.
        model: face model or its path, for weights of another model than the embedded one.
        space: parameter space or its path, for weights without a card.

    Example:
        >>> method = load_method("tddfa", "mb05_120x120.pth", "configs", "configs/param.pkl")  # doctest: +SKIP
    """
    belongings = {
        "model": load_model(model) if isinstance(model, (str, os.PathLike)) else model,
        "space": load_space(space) if isinstance(space, (str, os.PathLike)) else space,
    }
    return create(name, weights or EMBEDDED, **{key: value for key, value in belongings.items() if value is not None})


def load_space(path: str | os.PathLike[str]) -> ParameterSpace:
    """Read a parameter space: a file of ``ParameterSpace.save``, or 3DDFA's or 3DDFA_V2's whitening table (62 values).

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds no table that is known.

    Example:
        >>> space = load_space("configs/param_mean_std_62d_120x120.pkl")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_space: no file {path}")
    if path.suffix == ".safetensors":
        return ParameterSpace.load(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            content = dict(file)
    else:
        content = load_pickle(path)
    for mean, std, flip in _TABLES:
        if isinstance(content, dict) and mean in content and std in content:
            table = [np.asarray(as_array(content[key]), np.float32).ravel() for key in (mean, std)]
            return ParameterSpace.of_length(len(table[0]), mean=table[0], std=table[1], flip=flip)
    raise ValueError(f"load_space: {path} holds no whitening table (mean and std of the parameters)")
