"""Weight files: safetensors with a model card in the header, written, found and loaded."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save as serialize
from torch import Tensor

from pyface3d.atomic import atomic_write
from pyface3d.camera import ParameterSpace
from pyface3d.methods import registry
from pyface3d.methods.card import CARD, ModelCard, check_card, read_card
from pyface3d.methods.method import Method
from pyface3d.morphable import MorphableModel
from pyface3d.nets.weights import check_state, read_state

FILE_NAME = "model.safetensors"  # of a folder or a repository that holds one method
_EMBEDDED_MODELS: dict[str, Literal["face", "head"]] = {"ict_face": "face", "ict_head": "head"}


def save_weights(
    method: Method,
    path: str | os.PathLike[str],
    *,
    training: Mapping[str, Any] | None = None,
    numbers: Mapping[str, Any] | None = None,
    license: str = "",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Writes a method's network and its card to a safetensors file, atomically.

    Args:
        method: made by :func:`pyface3d.create_method`, not deployed.
        path: file to write.
        training: data, steps, seed, command.
        numbers: measured figures.
        license: of the weights.
        dtype: storage of matrices and kernels, float32 or float16; vectors (biases, BatchNorm) stay float32.

    Raises:
        ValueError: another dtype, or a deployed method.
    """
    if dtype not in (torch.float32, torch.float16):
        raise ValueError(f"save_weights: dtype must be torch.float32 or torch.float16, got {dtype}")
    if isinstance(method.network, torch.fx.GraphModule):
        raise ValueError("save_weights: this method is deployed, its BatchNorms are gone: save its origin")
    card = ModelCard.of(method, training=dict(training or {}), numbers=dict(numbers or {}), license=license)
    state = {name: _stored(tensor, dtype) for name, tensor in method.network.state_dict().items()}
    with atomic_write(path) as stream:
        stream.write(serialize(state, metadata={CARD: json.dumps(asdict(card))}))


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    wide = tensor.detach().cpu().contiguous()
    return wide.to(dtype) if wide.is_floating_point() and wide.ndim > 1 else wide


def load_weights(method: Method, path: str | os.PathLike[str]) -> Method:
    """Loads a weight file into a method that is there already.

    Args:
        method: the method; it is changed.
        path: written by :func:`save_weights`, or a checkpoint of the method's own code family (``.pth``).

    Returns:
        The method, in eval mode.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the weights are of another method, architecture, face model or parameter space, or damaged.
    """
    path = Path(path)
    state = method.adapt_state(read_state(path))
    card = read_card(path)
    if card is not None:
        check_card(card, method, path.name)
    check_state(method.network.state_dict(), state, path.name)
    method.network.load_state_dict(state, strict=False)
    return method.eval()


def find_weights(method: str, pretrained: str | os.PathLike[str]) -> Path:
    """The file that ``pretrained`` means: a path, or the name of packaged weights, with or without the method's name.

    Raises:
        FileNotFoundError: there is no such file; the message lists what the package has.
    """
    path = Path(pretrained)
    if path.is_file():
        return path
    folder = Path(str(resources.files("pyface3d"))) / "assets" / "weights"
    for stem in (f"{method}_{pretrained}", str(pretrained)):
        if os.sep not in stem and (packaged := folder / f"{stem}.safetensors").is_file():
            return packaged
    known = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
    raise FileNotFoundError(
        f"create_method: no weights {str(pretrained)!r}; packaged: {known}; or give the path of a file"
    )


def load_pretrained(
    method: registry.Registered, pretrained: str | os.PathLike[str], arguments: Mapping[str, Any]
) -> Method:
    """Builds a method as the card of its weights says, ``arguments`` taking precedence, and loads them."""
    path = find_weights(method.name, pretrained)
    card = read_card(path)
    if card is None:
        completed = method.cls.foreign_arguments(read_state(path), arguments)
        return load_weights(method.build(**completed), path)
    if card.method != method.name:
        raise ValueError(f"{path.name}: weights of {card.method}, not of {method.name}")
    merged = {**card.arguments, **arguments}
    if merged.get("model") is None:
        merged["model"] = _model_of(card, path.name)
    if card.parameter_space is not None and merged.get("space") is None:
        merged["space"] = ParameterSpace.from_dict(card.parameter_space)
    return load_weights(method.build(**merged), path)


def _model_of(card: ModelCard, name: str) -> MorphableModel:
    parts = _EMBEDDED_MODELS.get(card.face_model["name"])
    if parts is None:
        raise ValueError(
            f"{name}: these weights need the face model {card.face_model['name']}, which is not embedded: "
            "pass it as model=pyface3d.load_model(path)"
        )
    return MorphableModel.default(parts)


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
    return registry.create_method(card.method, pretrained=path, **arguments)


def _download(repository: str, revision: str | None) -> Path:
    if repository.count("/") != 1 or repository.startswith((".", "/")):
        raise FileNotFoundError(f"from_pretrained: no file or folder {repository}, and not a repository 'org/name'")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise ImportError("from_pretrained: repositories need huggingface_hub: pip install 'pyface3d[hub]'") from error
    return Path(hf_hub_download(repository, FILE_NAME, revision=revision))
