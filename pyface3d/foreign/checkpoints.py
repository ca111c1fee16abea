"""PyTorch's ``.pth`` files, both the zip of today and the sequence of pickles before torch 1.6, read without torch.

Tensors come as :class:`StoredTensor`: their element type, shape and strides, and the bytes of their storage.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyface3d.foreign.arrays import unpacked
from pyface3d.foreign.damage import reading
from pyface3d.foreign.machine import Machine
from pyface3d.foreign.opcodes import RefusedError
from pyface3d.foreign.regular import open_regular, read_bytes
from pyface3d.foreign.stand_ins import NAMES, Name

#: torch's storage classes -> (name of the dtype, bytes of an element)
STORAGES = {
    "DoubleStorage": ("float64", 8), "FloatStorage": ("float32", 4), "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2), "LongStorage": ("int64", 8), "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2), "CharStorage": ("int8", 1), "ByteStorage": ("uint8", 1), "BoolStorage": ("bool", 1),
}  # fmt: skip
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


@dataclass(eq=False)
class Storage:
    """The bytes that tensors share; ``content`` comes after the pickle that names it."""

    dtype: str
    itemsize: int
    count: int
    content: bytes = b""


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor within a storage; offset and strides count elements and stay inside it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(path: str | os.PathLike[str], caller: str = "read_state") -> Any:
    """What ``torch.save`` wrote: containers and :class:`StoredTensor`.

    Raises:
        OSError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain containers.
    """
    with reading(path, caller):
        try:
            with open_regular(path) as stream:
                packed = stream.read(2) == b"PK"
                if packed:
                    return _read_zip(unpacked(stream, Path(path), ""))
            content = read_bytes(path, "model_bytes")
            if content[:1] != b"\x80":  # no pickle
                raise ValueError("it holds neither safetensors nor tensors saved by torch")
            return _read_sequence(content)
        except RefusedError as refused:
            raise ValueError(
                f"{caller}: {path} asks for {refused}; neither that nor anything else in it was run: only tensors and "
                "plain containers are read"
            ) from None


def _read_zip(entries: dict[str, bytes]) -> Any:
    pickles = [name for name in entries if name.endswith("data.pkl") and name.count("/") <= 1]
    if len(pickles) != 1 or any("/code/" in name for name in entries):
        raise ValueError("it is no zip of torch.save's")
    folder = pickles[0].removesuffix("data.pkl")
    if entries.get(f"{folder}byteorder", b"little") != b"little":
        raise ValueError("it was saved on a big-endian machine")
    storages = _Storages()
    content = Machine(entries[pickles[0]], _names(), storages).run()
    for key in storages.by_key:
        storages.fill(key, entries[f"{folder}data/{key}"])
    return content


def _read_sequence(content: bytes) -> Any:
    storages, at, parts = _Storages(), 0, []
    for _ in range(5):  # magic number, protocol, machine, the object, keys of the storages
        machine = Machine(content, _names(), storages, at)
        parts.append(machine.run())
        at = machine.cursor.at
        if len(parts) == 1 and parts[0] != _MAGIC:
            raise ValueError("it is no file of torch.save's")
    if parts[1] != _PROTOCOL or not isinstance(parts[4], list) or set(parts[4]) != storages.by_key.keys():
        raise ValueError("its storages are not those that its tensors name")
    for key in parts[4]:
        size = storages.by_key[key].count * storages.by_key[key].itemsize
        if int.from_bytes(content[at : at + 8], "little") != storages.by_key[key].count:
            raise ValueError(f"its storage {key} has another length than its tensors name")
        storages.fill(key, content[at + 8 : at + 8 + size])
        at += 8 + size
    return parts[3]


class _Storages:
    """Makes storages of persistent ids: ("storage", class, key, device, number of elements, ...)."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}

    def __call__(self, identity: Any) -> Storage:
        if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
            raise RefusedError("a persistent object that is no storage")
        _, kind, key, _, count = identity[:5]
        if len(identity) == 6 and identity[5] is not None:
            raise RefusedError("a view of a storage")
        if not isinstance(kind, Name) or kind.name not in STORAGES or not isinstance(key, str):
            raise RefusedError(f"a storage of {str(kind)[:60]}")
        if type(count) is not int or count < 0:
            raise ValueError(f"its storage {key[:40]!r} has {str(count)[:40]} elements")
        return self.by_key.setdefault(key, Storage(*STORAGES[kind.name], count))

    def fill(self, key: str, content: bytes) -> None:
        storage = self.by_key[key]
        if len(content) < storage.count * storage.itemsize:
            raise ValueError(f"its storage {key[:40]!r} ends too early")
        storage.content = content


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *about: Any) -> StoredTensor:
    if not isinstance(storage, Storage) or not _counts(shape) or not _counts(strides) or len(shape) != len(strides):
        raise ValueError("a tensor has no storage, shape or strides")
    numbers, last = math.prod(shape), offset + sum((n - 1) * step for n, step in zip(shape, strides))
    inside = type(offset) is int and 0 <= offset and (not numbers or last < storage.count)
    # strides of zero could make any number of elements of one
    if not inside or numbers > storage.count or max(shape, default=0) > max(storage.count, 1_000_000):
        raise ValueError(f"a tensor {shape} does not lie in its storage of {storage.count} elements")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))


def _counts(values: Any) -> bool:
    return isinstance(values, tuple) and len(values) < 32 and all(type(n) is int and n >= 0 for n in values)


def _parameter(tensor: Any, *about: Any) -> Any:
    if not isinstance(tensor, StoredTensor):
        raise ValueError("a parameter holds no tensor")
    return tensor


def _refuse(*arguments: Any) -> Any:
    raise RefusedError("a storage of its own")


def _names() -> dict[tuple[str, str], Name]:
    makers: dict[tuple[str, str], Callable[..., Any]] = {
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_tensor"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("torch", "Size"): lambda values=(): tuple(values),
    }
    makers.update({("torch", name): _refuse for name in STORAGES})
    return dict(NAMES) | {(module, name): Name(module, name, make) for (module, name), make in makers.items()}
