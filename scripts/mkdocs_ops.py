"""Writes a reference entry for every function that ``pyface3d/ops/__init__.py`` imports where a page asks for it."""

import ast
from pathlib import Path
from typing import Any

MARK = "<!-- every op -->"
OPS = Path(__file__).parents[1] / "pyface3d" / "ops" / "__init__.py"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with its mark replaced."""
    imports = [node for node in ast.parse(OPS.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [f"{node.module}.{name.name}" for node in imports for name in node.names if node.module != "pyface3d"]
    return markdown.replace(MARK, "\n\n".join(f"::: {name}" for name in names))
