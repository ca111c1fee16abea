"""Methods with weights, face model and parameter space from files, as the command line names them; the demo's photo."""

import os
from importlib import resources
from pathlib import Path

from pyface3d.camera import ParameterSpace
from pyface3d.images import Photo, read_photo
from pyface3d.methods import Method, create
from pyface3d.methods.weights import find_weights
from pyface3d.morphable import MorphableModel, load_model

EMBEDDED = "synthetic"  # name of the weights that ship with the package


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
        space: parameter space or the path of one (:meth:`ParameterSpace.load`), for weights without a card.

    Example:
        >>> method = load_method("tddfa", "mb05_120x120.pth", "configs", "configs/param.pkl")  # doctest: +SKIP
    """
    belongings = {
        "model": load_model(Path(model)) if isinstance(model, (str, os.PathLike)) else model,
        "space": ParameterSpace.load(space) if isinstance(space, (str, os.PathLike)) else space,
    }
    return create(name, weights or EMBEDDED, **{key: value for key, value in belongings.items() if value is not None})
