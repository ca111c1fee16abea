"""The files that ``MorphableModel.save`` writes: arrays by name and a header, which torch is not needed to read."""

import json
import os
from typing import Any, Literal

from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.regular import open_regular
from pyface3d.foreign.tensors import read_safetensors

FORMAT = "pyface3d morphable model"


def read_model_file(
    path: str | os.PathLike[str], caller: str, framework: Literal["pt", "numpy"] = "numpy"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and header of a face model's .safetensors or .npz, whatever its name.

    Args:
        path: the file.
        caller: whose sentence an error is.
        framework: of the tensors of a safetensors file; the arrays of an npz are NumPy's.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or a file of something else.
    """
    with open_regular(path) as stream:
        is_zip = stream.read(2) == b"PK"
    if is_zip:
        arrays = read_npz(path, caller)
        if "header" not in arrays:
            raise ValueError(f"{caller}: {path} is an npz of something else than a face model")
        text = str(arrays.pop("header"))
    else:
        arrays, metadata = read_safetensors(path, caller, framework)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{caller}: {path} is a safetensors file of something else than a face model")
        text = metadata["header"]
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    return arrays, header
