"""Safetensors files: checked lengths by design; here also bounded sizes, and one kind of error."""

import os
from typing import Any, Literal

from pyface3d.foreign.damage import reading
from pyface3d.foreign.limits import limits
from pyface3d.foreign.regular import open_regular

_WIDEST = 1_000_000  # of a tensor without elements, for which others would make room


def read_safetensors(
    path: str | os.PathLike[str], caller: str, framework: Literal["pt", "numpy"] = "pt"
) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors of a safetensors file, and the text in its header.

    Args:
        path: the file.
        caller: whose sentence an error is.
        framework: "pt" for torch tensors, "numpy" for arrays.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged or cut short.
    """
    from safetensors import safe_open

    with reading(path, caller):
        _check_size(path)
        with safe_open(path, framework=framework) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            if any(0 in tensor.shape and max(tensor.shape) > _WIDEST for tensor in tensors.values()):
                raise ValueError("a tensor without elements has millions of columns")
            return tensors, file.metadata() or {}


def safetensors_header(path: str | os.PathLike[str], caller: str) -> dict[str, str]:
    """The text in a safetensors header alone; errors as ``read_safetensors``."""
    from safetensors import safe_open

    with reading(path, caller):
        _check_size(path)
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}


def _check_size(path: str | os.PathLike[str]) -> None:
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
    if size > limits().model_bytes:
        raise ValueError(f"it has {size:,} bytes; to read it all the same, raise the limit model_bytes")
