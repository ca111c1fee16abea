"""Methods with weights, face model and parameter space from files, as the command line names them; the demo's photo."""

import os
from importlib import resources
from pathlib import Path

import numpy as np

from pyface3d.camera import ParameterSpace
from pyface3d.images import Photo, read_photo
from pyface3d.methods import Method, create
from pyface3d.methods.weights import find_weights
from pyface3d.morphable import MorphableModel, load_model

EMBEDDED = "synthetic"  # name of the weights that ship with the package

# key of the mean, key of the std, flip: the table of 3DDFA_V2, that of 3DDFA
_TABLES = (("param_mean_v2", "param_std_v2", "3ddfa_v2"), ("param_mean", "param_std", "3ddfa"))


def demo_picture() -> Photo:
    """The embedded picture: a rendered portrait of nobody (``scripts/make_demo_picture.py``).

    Example:
        >>> demo_picture().pixels.shape
        (480, 480, 3)
    """
    return read_photo(resources.files("pyface3d.assets").joinpath("demo.jpg").read_bytes(), "demo.jpg")


def has_weights(method: str) -> bool:
    """Whether weights of a method ship with this package."""
    try:
        find_weights(method, EMBEDDED)
    except FileNotFoundError:
        return False
    return True


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
        "model": load_model(Path(model)) if isinstance(model, (str, os.PathLike)) else model,
        "space": load_space(space) if isinstance(space, (str, os.PathLike)) else space,
    }
    return create(name, weights or EMBEDDED, **{key: value for key, value in belongings.items() if value is not None})


def load_space(path: str | os.PathLike[str]) -> ParameterSpace:
    """Read a parameter space: what ``ParameterSpace.load`` reads, or an npz with the 62 values of a whitening table.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds no table that is known.

    Example:
        >>> space = load_space("configs/param_mean_std_62d_120x120.pkl")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_space: no file {path}")
    if path.suffix != ".npz":
        return ParameterSpace.load(path)
    with np.load(path, allow_pickle=False) as file:
        for mean, std, flip in _TABLES:
            if mean in file and std in file:
                tables = {"mean": file[mean].ravel(), "std": file[std].ravel()}
                return ParameterSpace.of_length(file[mean].size, **tables, flip=flip)
    raise ValueError(f"load_space: {path} holds no whitening table (param_mean and param_std)")
