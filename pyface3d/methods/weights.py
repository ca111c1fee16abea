"""Weight files: safetensors with a model card in the header, written, found and loaded."""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pyface3d.atomic import write_whole
from pyface3d.methods.card import CARD, ModelCard, check_card, read_card
from pyface3d.methods.method import Method
from pyface3d.nets.weights import check_state, quantized, read_state


def save_weights(
    method: Method,
    path: str | os.PathLike[str],
    *,
    training: Mapping[str, Any] | None = None,
    numbers: Mapping[str, Any] | None = None,
    license: str = "",
    dtype: torch.dtype = torch.float32,
    exact: Collection[str] = (),
) -> None:
    """Writes a method's network and its card to a safetensors file, atomically.

    Args:
        method: made by :func:`pyface3d.create_method`, not deployed.
        path: file to write.
        training: data, steps, seed, command.
        numbers: measured figures.
        license: of the weights.
        dtype: storage of matrices and kernels: float32, float16, or int8 with a factor for each row; vectors (biases,
            BatchNorm) stay float32.
        exact: with int8, parts of names (``"fc"``) whose matrices are stored in float16: a head's rounding moves every
            landmark.

    Raises:
        ValueError: another dtype, or a deployed method.
    """
    from safetensors.torch import save as serialize  # only writing needs it

    if dtype not in (torch.float32, torch.float16, torch.int8):
        raise ValueError(f"save_weights: dtype must be torch.float32, torch.float16 or torch.int8, got {dtype}")
    if isinstance(method.network, torch.fx.GraphModule):
        raise ValueError("save_weights: this method is deployed, its BatchNorms are gone: save its origin")
    card = ModelCard.of(method, training=dict(training or {}), numbers=dict(numbers or {}), license=license)
    state: dict[str, Tensor] = {}
    for name, tensor in method.network.state_dict().items():
        rounded = torch.float16 if exact and not set(exact).isdisjoint(name.split(".")) else dtype
        state |= _stored(name, tensor.detach().cpu().contiguous(), rounded)
    write_whole(path, serialize(state, metadata={CARD: json.dumps(asdict(card))}))


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    if not tensor.is_floating_point() or tensor.ndim < 2:
        return {name: tensor}
    return quantized(name, tensor) if dtype == torch.int8 else {name: tensor.to(dtype)}


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
    folder = _packaged()
    for stem in (f"{method}_{pretrained}", str(pretrained)):
        if os.sep not in stem and (packaged := folder / f"{stem}.safetensors").is_file():
            return packaged
    known = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
    raise FileNotFoundError(
        f"create_method: no weights {str(pretrained)!r}; packaged: {known}; or give the path of a file"
    )


def embedded_weights(method: str) -> Path | None:
    """The weights of a method that ship with this package; None: there are none."""
    return next((path for path in packaged_weights() if path.name.startswith(f"{method}_")), None)


def packaged_weights() -> list[Path]:
    """The weight files that ship with this package, by name."""
    return sorted(_packaged().glob("*.safetensors"))


def _packaged() -> Path:
    return Path(str(resources.files("pyface3d"))) / "assets" / "weights"
