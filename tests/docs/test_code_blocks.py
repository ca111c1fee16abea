"""Every code block of README and docs runs.

The Python blocks of a page run one after the other, in one namespace; of bash blocks the lines that call pyface3d or a
script of this repository. A comment `<!-- needs ... -->` above a block says what only the reader has: such a block must
still compile, and its imports must work.
"""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pyface3d import MorphableModel, ParameterSpace
from pyface3d.cli import app
from pyface3d.fitting import read_landmarks
from pyface3d.images import demo_picture
from pyface3d.methods import registry
from pyface3d.methods.loading import has_weights

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:<!-- needs (?P<needs>.*?) -->\n)?```(?P<language>python|bash)\n(?P<code>.*?)```", re.DOTALL)


WEIGHTS = re.compile(r"Reconstructor\(\)|pyface3d reconstruct (?!.*--weights)")  # blocks that use the packaged weights


def blocks(page):
    return [(found["language"], found["code"], found["needs"]) for found in BLOCK.finditer(page.read_text("utf-8"))]


def commands(code):
    """The words of each command of a block."""
    lines = (shlex.split(line, comments=True) for line in code.replace("\\\n", " ").splitlines())
    return [words for words in lines if words]


def skip_without_weights(page):
    uses = any(WEIGHTS.search(code) for _, code, needs in blocks(page) if not needs)
    if uses and not has_weights("compact"):
        pytest.skip("no packaged weights in this source tree")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with what the pages speak of: photos and landmarks."""
    portrait = demo_picture().pixels
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
        Image.fromarray(portrait).save(tmp_path / name)
    model = MorphableModel.default()
    points = model.mean[model.landmarks][:, :2] * torch.tensor([5.0, -5.0]) + 60
    lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points.tolist())
    (tmp_path / "landmarks.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    assert read_landmarks(tmp_path / "landmarks.pts").shape == (1, 68, 2)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def names():
    """What a page may take for granted, as it says in its text: a model, a network's answer, points, tables."""
    model = MorphableModel.default()
    space = ParameterSpace()
    points = (model.mean[model.landmarks][:, :2] * torch.tensor([5.0, -5.0]) + 60)[None]
    return {"model": model, "mean": space.mean, "std": space.std, "outputs": torch.zeros(2, 62), "points": points,
            "np": np}  # fmt: skip


@pytest.fixture
def methods_of_the_pages(monkeypatch):
    """Pages may register methods; other tests do not see them."""
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_blocks_run(page, workplace, names, methods_of_the_pages):
    skip_without_weights(page)
    for language, code, needs in blocks(page):
        if language != "python":
            continue
        compiled = compile(code, str(page), "exec")
        if needs:
            imports = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
            compiled = compile(ast.Module(imports, []), str(page), "exec")
        exec(compiled, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_run(page, workplace):
    skip_without_weights(page)
    for language, code, needs in blocks(page):
        if language != "bash" or needs:
            continue
        for words in commands(code):
            if words[0] == "pyface3d":
                done = CliRunner().invoke(app, words[1:])
                assert done.exit_code == 0, (words, done.output)
            elif words[0] == "python" and words[1].startswith("examples/"):
                command = [sys.executable, str(ROOT / words[1]), *words[2:]]
                subprocess.run(command, cwd=workplace, check=True, stdin=subprocess.DEVNULL)
            # pip, pytest, mkdocs: the checks of the repository run them


def test_commands_that_need_files_exist():
    """Blocks that cannot run here name commands and options that exist."""
    for page in PAGES:
        for language, code, needs in blocks(page):
            for words in commands(code) if language == "bash" and needs else []:
                if words[0] != "pyface3d":
                    continue
                command = words[1:3] if words[1] in ("data", "landmarks", "weights") else words[1:2]
                shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
                assert shown.exit_code == 0, words
                for option in (word for word in words if word.startswith("--")):
                    assert option in shown.output, (words, option)
