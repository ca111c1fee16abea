"""JSON: read from strangers, and written so that every parser reads it."""

import json
import math
import os
from typing import Any

from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_text


def read_json(path: str | os.PathLike[str], caller: str = "load_model") -> Any:
    """What a JSON file of bounded size holds.

    Raises:
        OSError: there is no such file.
        ValueError: it is no JSON, or nests too deeply.
    """
    with reading(path, caller):
        return json.loads(read_text(path))


def json_text(value: Any, **options: Any) -> str:
    """JSON in which NaN and infinity, which the format does not have, are null.

    Args:
        value: plain containers and numbers.
        options: of ``json.dumps``.

    Example:
        >>> json_text({"score": float("nan")})
        '{"score": null}'
    """
    return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(child) for key, child in value.items()}
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return [_finite(child) for child in value] if isinstance(value, (list, tuple)) else value
