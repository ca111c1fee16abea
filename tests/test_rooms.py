"""The table of rooms in CONTRIBUTING.md, held against every import of the package."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyface3d

PACKAGE = Path(pyface3d.__file__).parent
TABLE = Path(__file__).parent.parent / "CONTRIBUTING.md"
HUBS = {
    "pyface3d.atlas.uv_atlas",
    "pyface3d.morphable.articulated",
    "pyface3d.morphable.content",
    "pyface3d.morphable.model",
    "pyface3d.nets.mobile_frnet",
    "pyface3d.reconstructor.face",
}


def rooms_of_table(text):
    """Room -> the rooms that it may import, in the order of the table."""
    text = text[text.index("The rooms of `pyface3d`") :]
    table = {}
    for room, cell in re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE):
        table[room] = set(table) if cell == "all above" else set(re.findall(r"`(\w+)`", cell))
    return table


def modules_of(package):
    """Name of each module below a folder -> its syntax tree."""
    files = sorted(package.rglob("*.py"))
    names = ["pyface3d." + ".".join(file.relative_to(package).with_suffix("").parts) for file in files]
    return {name.removesuffix(".__init__"): ast.parse(file.read_text()) for name, file in zip(names, files)}


def imports_of(modules):
    """(importing module, line, imported module) of every import of the package, wherever in a file it stands."""
    for name, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno}: imports are absolute"
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [part if part in modules else node.module for part in inner]
            else:
                continue
            yield from ((name, node.lineno, target) for target in found if target.split(".")[0] == "pyface3d")


def room_of(module):
    return module.split(".")[1] if "." in module else "__init__"


def strangers(package, table):
    """Imports that the table does not allow, each as a sentence."""
    return [
        f"{name}:{line} imports {target}, which the room {room_of(name)} may not"
        for name, line, target in imports_of(modules_of(package))
        if room_of(name) != room_of(target) and room_of(target) not in table.get(room_of(name), ())
    ]


@pytest.fixture(scope="module")
def table():
    return rooms_of_table(TABLE.read_text())


def test_the_table_names_every_room_once_and_its_arrows_go_down(table):
    assert {room_of(name) for name in modules_of(PACKAGE)} == set(table)
    below = set()
    for room, imported in table.items():
        assert imported <= below, f"{room} stands above {sorted(imported - below)}"
        below.add(room)


def test_every_import_is_in_the_table(table):
    assert strangers(PACKAGE, table) == []


@pytest.mark.parametrize(
    "room, line",
    [
        ("ops", "from pyface3d import losses"),
        ("nets", "from pyface3d.methods.card import read_card"),
        ("data", "def late():\n    import pyface3d.training.run"),
        ("camera", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pyface3d.methods import Method"),
    ],
)
def test_a_planted_import_is_found(tmp_path, table, room, line):
    for name in ("__init__", f"{room}/__init__", "losses/__init__", "methods/__init__", "methods/card", "training/run"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / room / "planted.py").write_text(f"import json\n\n{line}\n")
    assert [found.split(":")[0] for found in strangers(tmp_path, table)] == [f"pyface3d.{room}.planted"]


def test_circles_inside_rooms_go_through_the_classes_that_contributing_explains():
    arrows = {}
    for name, _, target in imports_of(modules_of(PACKAGE)):
        if target != name:
            arrows.setdefault(name, set()).add(target)

    def reached(start):
        found, waiting = set(), [start]
        while waiting:
            further = arrows.get(waiting.pop(), set()) - HUBS - found
            found |= further
            waiting += further
        return found

    assert [name for name in arrows if name not in HUBS and name in reached(name)] == []
    text = TABLE.read_text()
    assert all(hub.removeprefix("pyface3d.").replace(".", "/") in text for hub in HUBS)


ALONE = """
import importlib, json, os, sys
# what all children share:
import lightning, numpy, PIL.Image, safetensors.torch, scipy.io, scipy.spatial, torch, torchmetrics, typer
rooms = json.load(sys.stdin)
for room, names in rooms.items():
    child = os.fork()  # an interpreter in which nothing of the package was imported yet
    if child == 0:
        try:
            for name in names:
                importlib.import_module(name)
            woken = {module.split(".")[1] for module in sys.modules if module.startswith("pyface3d.")}
            print(json.dumps([room, sorted(woken & {*rooms})]), flush=True)
        except ImportError as error:
            print(json.dumps([room, str(error)]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_room_imports_alone_and_wakes_only_rooms_below_it(table):
    names = [name for name in modules_of(PACKAGE) if not name.endswith("__main__")]  # those run
    modules = {room: [name for name in names if room_of(name) == room] for room in table}
    run = [sys.executable, "-W", "ignore", "-c", ALONE]
    done = subprocess.run(run, input=json.dumps(modules), capture_output=True, text=True)
    results = dict(map(json.loads, done.stdout.splitlines()))
    assert set(results) == set(modules), done.stderr
    reached = {}
    for room, imported in table.items():
        reached[room] = {room, "_version", *imported}.union(*(reached[other] for other in imported))
    for room, woken in results.items():
        if isinstance(woken, str):
            assert "pip install" in woken, f"{room}: {woken}"  # an optional dependency, named
        else:
            assert set(woken) <= reached[room], room
