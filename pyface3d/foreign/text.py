"""JSON of strangers."""

import json
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
