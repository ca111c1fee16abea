import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh

from pyface3d.export import Mesh, Motion, save_mesh
from pyface3d.morphable import MorphableModel

CHROMIUM = os.environ.get("PYFACE3D_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
VALIDATE = """
const validator = require('gltf-validator');
validator.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))
  .then(report => console.log(JSON.stringify({...report.issues, animations: report.info.animationCount})));
"""


def modules_with(name):
    """The folder of npm's modules that has one of this name; else the test is skipped."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node")
    globally = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True).stdout.strip()
    folders = [folder for folder in (os.environ.get("NODE_PATH"), globally) if folder]
    found = next((folder for folder in folders if (Path(folder) / name).is_dir()), None)
    return found or pytest.skip(f"npm install {name}, and NODE_PATH")


@pytest.fixture(scope="module")
def animated(tmp_path_factory):
    """A GLB of a second in which the jaw opens while the head turns by 40 degrees and moves by 5 cm."""
    model = MorphableModel.default(expression="arkit")
    count = 31
    way = np.linspace(0, 1, count)
    weights = np.zeros((count, model.n_expression))
    weights[:, model.expression_names.index("jawOpen")] = way
    matrices = np.tile(np.eye(4), (count, 1, 1))
    angle = np.radians(40) * way
    matrices[:, 0, 0] = matrices[:, 2, 2] = np.cos(angle)
    matrices[:, 0, 2], matrices[:, 2, 0] = np.sin(angle), -np.sin(angle)
    matrices[:, :3, 3] = np.stack([0.05 * way, 0 * way, np.full(count, -0.6)], 1)
    path = tmp_path_factory.mktemp("animated") / "face.glb"
    save_mesh(path, Mesh.from_model(model), Motion(np.arange(count) / 30, weights, matrices, (0.9, 4 / 3)))
    return path


def test_khronos_validator_finds_nothing_in_an_animation(animated):
    run = ["node", "-e", VALIDATE, str(animated)]
    modules = modules_with("gltf-validator")
    done = subprocess.run(run, capture_output=True, text=True, env={"NODE_PATH": modules, "PATH": "/usr/bin:/bin"})
    issues = json.loads(done.stdout)
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"]
    assert issues["animations"] == 1


def test_an_animation_plays_in_a_browser(animated):
    modules = modules_with("three")
    modules_with("playwright-core")
    if not CHROMIUM:
        pytest.skip("no browser: install chromium")
    script = Path(__file__).with_name("play.cjs")
    environment = os.environ | {"NODE_PATH": modules}
    run = ["node", script, CHROMIUM, animated, modules]
    done = subprocess.run(run, capture_output=True, text=True, timeout=240, env=environment)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["errors"] == [] and "error" not in told
    jaw = told["names"].index("jawOpen")
    assert told["seconds"] == pytest.approx(1.0, abs=1e-3)
    assert told["first"]["weights"][jaw] == pytest.approx(0, abs=0.01)
    assert told["last"]["weights"][jaw] == pytest.approx(1, abs=0.01)
    assert told["last"]["position"] == pytest.approx([0.05, 0, -0.6], abs=1e-3)
    assert min(told["first"]["lit"], told["last"]["lit"]) > 2000  # the face is before the camera in both


def test_trimesh_opens_an_animation(animated):
    scene = trimesh.load(animated)
    assert len(scene.geometry) == 1
    assert next(iter(scene.geometry.values())).vertices.shape[0] >= 9409


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (dict(seconds=[0, 0.1, 0.1]), "rise"),
        (dict(weights=np.zeros((2, 1))), "weights"),
        (dict(matrices=np.eye(4)[None]), "matrices"),
        (dict(weights=np.full((3, 1), np.nan)), "finite"),
    ],
)
def test_motions_that_are_none(change, sentence):
    given = {"seconds": [0, 0.1, 0.2], "weights": np.zeros((3, 1))} | change
    with pytest.raises(ValueError, match=sentence):
        Motion(**given)


def test_motion_goes_into_glb_with_as_many_weights_as_targets(tmp_path):
    model = MorphableModel.default()
    with pytest.raises(ValueError, match="only .glb"):
        save_mesh(tmp_path / "a.obj", Mesh.from_model(model), Motion([0.0], np.zeros((1, 10))))
    with pytest.raises(ValueError, match=r"\(T, 10\)"):
        save_mesh(tmp_path / "a.glb", Mesh.from_model(model), Motion([0.0], np.zeros((1, 3))))
    assert list(tmp_path.iterdir()) == []


def test_quaternions_stay_on_one_side():
    turns = np.tile(np.eye(4), (5, 1, 1))
    for k, angle in enumerate(np.radians([150, 170, 190, 210, 230])):
        turns[k, :2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    rotations = Motion(np.arange(5.0), np.zeros((5, 0)), turns).rotations
    assert (np.sum(rotations[1:] * rotations[:-1], axis=1) > 0.9).all()
