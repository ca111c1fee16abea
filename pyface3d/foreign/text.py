"""JSON and YAML: read from strangers, and JSON written so that every parser reads it."""

import json
import math
import os
from typing import Any

from pyface3d.foreign.damage import one_line, reading
from pyface3d.foreign.regular import read_text

_LONGEST_YAML = 50_000  # characters; the parser takes seconds for more
_DEEPEST_YAML = 20  # levels; the time of its scanner grows with their square


def read_json(path: str | os.PathLike[str], caller: str = "load_model") -> Any:
    """What a JSON file of bounded size holds.

    Raises:
        OSError: there is no such file.
        ValueError: it is no JSON, or nests too deeply.
    """
    with reading(path, caller):
        return json.loads(read_text(path))


def parse_yaml(text: str) -> Any:
    """What a YAML text of bounded size and nesting says; nothing in it is built but plain containers and numbers.

    Aliases are refused: with them a page of text stands for any number of values.

    Raises:
        ValueError: it is no YAML, has aliases, is too long, or nests too deeply.

    Example:
        >>> parse_yaml("steps: 10")
        {'steps': 10}
    """
    import yaml
    from yaml import tokens as kinds

    starts = (kinds.FlowSequenceStartToken, kinds.FlowMappingStartToken, kinds.BlockSequenceStartToken,
              kinds.BlockMappingStartToken)  # fmt: skip
    ends = (kinds.FlowSequenceEndToken, kinds.FlowMappingEndToken, kinds.BlockEndToken)
    if len(text) > _LONGEST_YAML:
        raise ValueError(f"it has more than {_LONGEST_YAML:,} characters")
    depth = 0
    try:
        for token in yaml.scan(text):
            depth += isinstance(token, starts) - isinstance(token, ends)
            if depth > _DEEPEST_YAML or isinstance(token, kinds.AliasToken):
                raise ValueError("an alias" if depth <= _DEEPEST_YAML else f"more than {_DEEPEST_YAML} levels")
        return yaml.safe_load(text)
    except Exception as error:  # the constructors of numbers and dates stumble over nearly anything
        raise ValueError(one_line(error)) from None


def json_text(value: Any, **options: Any) -> str:
    """JSON in which NaN and infinity, which the format does not have, are null.

    Args:
        value: plain containers and numbers.
        options: of ``json.dumps``.

    Example:
        >>> json_text({"score": float("nan")})
        '{"score": null}'
    """
    return json.dumps(finite(value), allow_nan=False, **options)


def finite(value: Any) -> Any:
    """JSON's values of nested containers and arrays: what is not finite becomes None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(child) for key, child in value.items()}
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    return [finite(child) for child in value] if isinstance(value, (list, tuple)) else value
