"""What scripts, examples and benchmarks import of the package is there."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for folder in ("scripts", "examples", "benchmarks") for file in (ROOT / folder).rglob("*.py"))


def imported(source: str) -> list[tuple[str, str]]:
    """Modules of the package and the names taken from them, wherever in a file."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in nodes if (node.module or "").split(".")[0] == "pyface3d"]
    return [(str(node.module), alias.name) for node in ours for alias in node.names]


def lacks(module: str, name: str) -> bool:
    if hasattr(importlib.import_module(module), name):
        return False
    return importlib.util.find_spec(f"{module}.{name}") is None  # no module of its own either


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_names_exist(file):
    assert [f"{module}.{name}" for module, name in imported(file.read_text()) if lacks(module, name)] == []


def test_a_name_that_is_gone_is_seen():
    gone = imported("def later():\n    from pyface3d.camera import crop, turned_to_stone\nimport torch\n")
    assert [lacks(*pair) for pair in gone] == [False, True]
