"""Backbone weights from files: safetensors, or a torch checkpoint read as data only."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pyface3d.foreign.checkpoints import StoredTensor, read_checkpoint
from pyface3d.foreign.tensors import read_safetensors

FACTORS = ".factors"  # of the rows of a tensor that is stored in int8, behind its name


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Reads the tensors of a weight file; nothing in it is executed.

    Args:
        path: ``.safetensors``, also with matrices in int8 (:func:`quantized`), or a checkpoint of ``torch.save``
            holding tensors, bare or under ``state_dict``; the prefix ``module.`` that data-parallel training leaves is
            removed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is truncated, or holds something else than tensors.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"read_state: no weight file at {path}")
    if path.suffix == ".safetensors":
        return _widened(read_safetensors(path, "read_state")[0])
    state = read_checkpoint(path)
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not all(isinstance(value, StoredTensor) for value in state.values()):
        raise ValueError(f"read_state: {path} must hold named tensors (a state dict)")
    storages: dict[int, Tensor] = {}
    return {key.removeprefix("module."): _tensor(value, storages) for key, value in state.items()}


def quantized(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A tensor (R, ...) as int8 and a float32 factor for each row, by the names that :func:`read_state` joins."""
    factors = tensor.float().abs().flatten(1).amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127  # (R,)
    return {name: (tensor / _by_row(factors, tensor)).round().to(torch.int8), name + FACTORS: factors}


def _widened(state: dict[str, Tensor]) -> dict[str, Tensor]:
    whole = {name: state.get(name.removesuffix(FACTORS)) for name in state if name.endswith(FACTORS)}
    for name, rows in whole.items():
        if rows is not None and rows.dtype == torch.int8 and rows.shape[:1] == state[name].shape:
            state[name.removesuffix(FACTORS)] = rows * _by_row(state.pop(name), rows)
    return state


def _by_row(factors: Tensor, like: Tensor) -> Tensor:
    return factors.view(-1, *[1] * (like.ndim - 1))


def _tensor(stored: StoredTensor, storages: dict[int, Tensor]) -> Tensor:
    """The tensor; those of one storage share its memory, as they did when they were saved."""
    storage = stored.storage
    if id(storage) not in storages:
        dtype = getattr(torch, storage.dtype)
        content = bytearray(storage.content[: storage.count * storage.itemsize])
        storages[id(storage)] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
    return torch.as_strided(storages[id(storage)], stored.shape, stored.strides, stored.offset)


def load_backbone(network: nn.Module, path: str | os.PathLike[str]) -> list[str]:
    """Loads pretrained weights, for example torchvision's ImageNet file, into a trunk; its head may differ.

    Args:
        network: a trunk of :mod:`pyface3d.nets`.
        path: see :func:`read_state`.

    Returns:
        The names of the head's tensors that keep their initial values because the file has other ones.

    Raises:
        ValueError: the file belongs to another architecture; the message names the first tensor that does not fit.
    """
    state, own = read_state(path), network.state_dict()
    head = f"{getattr(network, 'head_name', 'fc')}."
    kept = [k for k in own if k.startswith(head) and (k not in state or state[k].shape != own[k].shape)]
    fitting = {k: v for k, v in state.items() if k in own and k not in kept}
    check_state({k: v for k, v in own.items() if k not in kept}, state, Path(path).name, ignored=head)
    network.load_state_dict(fitting, strict=False)
    return kept


def check_state(own: Mapping[str, Tensor], state: Mapping[str, Tensor], name: str, *, ignored: str = "\0") -> None:
    """Raises ValueError unless ``state`` has exactly the tensors of ``own``; names in ``ignored`` may differ.

    ``ignored`` is a prefix. A missing ``num_batches_tracked`` is accepted: old files lack it.
    """
    for key, tensor in own.items():
        if key not in state and not key.endswith("num_batches_tracked"):
            raise ValueError(f"{name}: weights of another architecture: {key} is missing")
        if key in state and state[key].shape != tensor.shape:
            want, got = tuple(tensor.shape), tuple(state[key].shape)
            raise ValueError(f"{name}: weights of another architecture: {key} must be {want}, got {got}")
    for key in state:
        if key not in own and not key.startswith(ignored):
            raise ValueError(f"{name}: weights of another architecture: unexpected {key}")
