"""Functions and files stay as short as they were when this house was furnished."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("pyface3d", "csrc", "tests", "benchmarks", "scripts", "examples")
CODE = {".py", ".h", ".cpp", ".cu", ".cuh", ".js", ".cjs", ".css", ".html", ".vert", ".frag", ".sh"}
pytestmark = pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="the sources are in the source tree only")


def files(folder):
    found = (path for path in (ROOT / folder).rglob("*") if path.suffix in CODE)
    return [path for path in found if not {"build", "node_modules", "__pycache__"} & set(path.parts)]


def lines_of(function):
    """Lines from ``def`` to the end, without the docstring."""
    text = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    spoken = 0 if text is None else text.end_lineno - text.lineno + 1
    return function.end_lineno - function.lineno + 1 - spoken


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_longer_than_250_lines(folder):
    counts = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files(folder)}
    assert counts and {name: count for name, count in counts.items() if count > 250} == {}


def test_functions_are_short():
    trees = [ast.parse(path.read_text()) for path in files("pyface3d") if path.suffix == ".py"]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lengths = sorted(map(lines_of, functions))
    assert statistics.median(lengths) <= 6 and lengths[int(0.9 * len(lengths))] <= 17
