"""conda's recipe wants what pip's metadata wants, by conda's names."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
NAMES = {"torch": "pytorch", "opencv-python-headless": "py-opencv"}

tomllib = pytest.importorskip("tomllib", reason="of Python 3.11")


def spelled(requirement):
    """(conda's name, bounds) of a requirement as either file writes it."""
    start = next(i for i, letter in enumerate(requirement) if letter in "<>=")
    name = requirement[:start].strip()
    return NAMES.get(name, name), requirement[start:]


def test_version_and_dependencies_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    wanted = {spelled(line) for line in project["dependencies"]} | {("python", ">=${{ python_min }}")}
    assert {spelled(line) for line in recipe["requirements"]["run"]} == wanted
    assert recipe["context"]["version"] == project["version"]
    assert f">={recipe['context']['python_min']}" == project["requires-python"]
