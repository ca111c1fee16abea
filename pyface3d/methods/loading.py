"""Methods by name with weights, face model and parameter space, fresh or from files, folders and repositories."""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch

from pyface3d.camera import ParameterSpace
from pyface3d.foreign.damage import reading
from pyface3d.methods.bounded import no_larger_than
from pyface3d.methods.card import ModelCard, read_card
from pyface3d.methods.method import Method
from pyface3d.methods.registry import Registered, list_methods, registered
from pyface3d.methods.weights import embedded_weights, find_weights, load_weights, read_state
from pyface3d.morphable import MorphableModel, load_model

DEFAULT = "compact"  # method of calls and commands that name none
FILE_NAME = "model.safetensors"  # of a folder or a repository that holds one method

_EMBEDDED_MODELS: dict[str, Literal["face", "head"]] = {"ict_face": "face", "ict_head": "head"}


def create_method(name: str, pretrained: str | os.PathLike[str] | None = None, **arguments: Any) -> Method:
    """Builds a method.

    Args:
        name: one of :func:`list_methods`.
        pretrained: None for fresh weights; the name of weights that ship with the package, for example ``"embedded"``;
            or the path of a weight file. Its card then gives the arguments that are not named here.
        arguments: ``model`` (face model), ``space`` (parameter space) and the method's own arguments.

    Returns:
        The method, in eval mode when pretrained.

    Raises:
        ValueError: an unknown name, or weights that do not fit the method, its arguments or the face model.
        FileNotFoundError: no such weights.

    Example:
        >>> method = create_method("mobile_frnet", attention=False)
    """
    method = registered(name)
    return method.build(**arguments) if pretrained is None else _load(method, pretrained, arguments)


def from_pretrained(source: str | os.PathLike[str], *, revision: str | None = None, **arguments: Any) -> Method:
    """Builds the method that a weight file, a folder or a Hugging Face repository holds.

    Args:
        source: a ``.safetensors`` file with a card, a folder with ``model.safetensors``, or ``"org/name"``, fetched
            through huggingface_hub (extra ``hub``).
        revision: branch, tag or commit of the repository.
        arguments: as for :func:`pyface3d.create_method`.

    Returns:
        The method, in eval mode.

    Raises:
        FileNotFoundError: no such file or folder, and not a repository name.
        ImportError: a repository is asked for and huggingface_hub is not installed.
        ValueError: the file has no card.
    """
    path = Path(source)
    if path.is_dir():
        path = path / FILE_NAME
    if not path.is_file():
        path = _download(str(source), revision)
    card = read_card(path)
    if card is None:
        raise ValueError(f"from_pretrained: {path.name} has no model card; use create_method(name, pretrained=path)")
    if card.method not in list_methods():
        raise ValueError(f"from_pretrained: {path} holds weights of {card.method[:60]!r}, which is no method here")
    return create_method(card.method, pretrained=path, **arguments)


def _load(method: Registered, pretrained: str | os.PathLike[str], arguments: Mapping[str, Any]) -> Method:
    """Builds a method as the card of its weights says, ``arguments`` taking precedence, and loads them."""
    path = find_weights(method.name, pretrained)
    card = read_card(path)
    if card is None:
        completed = method.cls.foreign_arguments(read_state(path), arguments)
        return load_weights(method.build(**completed), path)
    if card.method != method.name:
        raise ValueError(f"{path.name}: weights of {card.method}, not of {method.name}")
    belongings = {
        "model": _model_of(card, path.name) if arguments.get("model") is None else arguments["model"],
        "space": _space_of(card, path) if arguments.get("space") is None else arguments["space"],
    }
    given = {key: value for key, value in belongings.items() if value is not None}
    own = {key: value for key, value in arguments.items() if key not in belongings}
    told = {key: value for key, value in card.arguments.items() if key not in own}
    # whoever names arguments hears of them from the method itself
    with nullcontext() if own else reading(path, "create_method"), no_larger_than(path):
        built = method.build(**told, **own, **given)
    return load_weights(built, path)


def _space_of(card: ModelCard, path: Path) -> ParameterSpace | None:
    with reading(path, "create_method"):
        return None if card.parameter_space is None else ParameterSpace.from_dict(card.parameter_space)


def _model_of(card: ModelCard, name: str) -> MorphableModel:
    parts = _EMBEDDED_MODELS.get(card.face_model["name"])
    if parts is None:
        raise ValueError(
            f"{name}: these weights need the face model {card.face_model['name']}, which is not embedded: "
            "pass it as model=pyface3d.load_model(path)"
        )
    return MorphableModel.default(parts)


def _download(repository: str, revision: str | None) -> Path:
    if repository.count("/") != 1 or repository.startswith((".", "/")):
        raise FileNotFoundError(f"from_pretrained: no file or folder {repository}, and not a repository 'org/name'")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ImportError("from_pretrained: repositories need huggingface_hub: pip install 'pyface3d[hub]'") from error
    return Path(hf_hub_download(repository, FILE_NAME, revision=revision))


def has_weights(method: str) -> bool:
    """Whether weights of a method ship with this package."""
    return embedded_weights(method) is not None


def method_of(weights: str | os.PathLike[str] | None) -> str:
    """The name of the method that the card of weights names.

    Args:
        weights: path of a weight file; None: "compact".

    Raises:
        ValueError: a name of embedded weights, or a file without a card.
        OSError: there is no such file.

    Example:
        >>> method_of(None)
        'compact'
    """
    if weights is None:
        return DEFAULT
    path = Path(weights)
    card = read_card(path) if path.is_file() else None
    if card is None:
        if path.is_file():
            read_state(path)  # a file of something else is told so
        raise ValueError(f"{weights}: no weight file with a card that names its method; name the method")
    return card.method


def load_method(
    name: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    model: MorphableModel | str | os.PathLike[str] | None = None,
    space: ParameterSpace | str | os.PathLike[str] | None = None,
) -> Method:
    """A method with weights.

    Args:
        name: one of :func:`pyface3d.list_methods`; None: the one that the card of ``weights`` names, "compact" without.
        weights: name of embedded weights, or a path; None: the method's embedded weights.
        model: face model or its path, for weights of another model than the embedded one.
        space: parameter space or the path of one (:meth:`ParameterSpace.load`), for weights without a card.

    Raises:
        FileNotFoundError: a file that is missing, or a method without embedded weights.

    Example:
        >>> method = load_method("tddfa", "mb05_120x120.pth", "configs", "configs/param.pkl")  # doctest: +SKIP
    """
    name = method_of(weights) if name is None else name
    if weights is None and name in list_methods() and not has_weights(name):
        shipped = ", ".join(filter(has_weights, list_methods()))
        raise FileNotFoundError(f"{name}: no weights ship with the package (of {shipped} they do); name a weight file")
    belongings = {
        "model": load_model(Path(model)) if isinstance(model, (str, os.PathLike)) else model,
        "space": ParameterSpace.load(space) if isinstance(space, (str, os.PathLike)) else space,
    }
    return create_method(
        name,
        weights or embedded_weights(name),
        **{key: value for key, value in belongings.items() if value is not None},
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
