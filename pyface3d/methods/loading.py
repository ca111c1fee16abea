"""Methods with weights, face model and parameter space from files, as the command line names them."""

import os
from pathlib import Path

import torch

from pyface3d.camera import ParameterSpace
from pyface3d.methods.method import Method
from pyface3d.methods.registry import create_method, list_methods
from pyface3d.methods.weights import find_weights
from pyface3d.morphable import MorphableModel, load_model

EMBEDDED = "synthetic"  # name of the weights that ship with the package


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

    Raises:
        FileNotFoundError: a file that is missing, or a method without embedded weights.

    Example:
        >>> method = load_method("tddfa", "mb05_120x120.pth", "configs", "configs/param.pkl")  # doctest: +SKIP
    """
    if weights is None and name in list_methods() and not has_weights(name):
        shipped = ", ".join(filter(has_weights, list_methods()))
        raise FileNotFoundError(f"{name}: no weights ship with the package (of {shipped} they do); name a weight file")
    belongings = {
        "model": load_model(Path(model)) if isinstance(model, (str, os.PathLike)) else model,
        "space": ParameterSpace.load(space) if isinstance(space, (str, os.PathLike)) else space,
    }
    return create_method(
        name, weights or EMBEDDED, **{key: value for key, value in belongings.items() if value is not None}
    )


def load_device(name: str | torch.device | None = None) -> torch.device:
    """The device of a name; None: CUDA where there is one.

    Raises:
        ValueError: torch has no such device here.

    Example:
        >>> load_device("cpu")
        device(type='cpu')
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # the latter: a torch built without CUDA
        raise ValueError(f"device must be one that torch has here, such as 'cpu'; got {str(name)!r}") from None
    return device
