"""Atlas files: safetensors, written whole or not at all."""

import os
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes tensors to a temporary file beside ``path``, then renames it."""
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_tensors(path: Path, wanted: str) -> dict[str, Tensor]:
    """Reads tensors whose metadata names the format ``wanted``; ValueError for any other file."""
    if not path.is_file():
        raise ValueError(f"{wanted}: there is no file {path}")
    try:
        with safe_open(path, framework="pt") as stream:
            found = (stream.metadata() or {}).get("format")
            if found != wanted:
                raise ValueError(f"{wanted}: {path} holds {found or 'something else'}; save it again")
            return {name: stream.get_tensor(name) for name in stream.keys()}
    except SafetensorError as error:
        raise ValueError(f"{wanted}: {path} is not a safetensors file or is cut short ({error})") from error
