"""The page in a real Chromium: needs node, playwright-core (NODE_PATH) and chromium; skipped where they are absent."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from pyface3d.morphable import MorphableModel
from pyface3d.page import PageFace, write_page

CHROMIUM = os.environ.get("PYFACE3D_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default("head", expression="blendshapes")


@pytest.fixture(scope="module")
def faces(model):
    """One made-up subject as two methods see it, on a made-up picture with marks by which a turn shows."""
    height, width = 240, 300
    y, x = np.mgrid[:height, :width]
    photo = np.stack([120 + 100 * x / width, 90 + 90 * y / height, 140 - 60 * x / width], axis=-1)
    photo = (photo + 14 * (np.sin(x / 2.5) * np.sin(y / 2.5))[..., None]).astype(np.uint8)
    pose = np.array([[8.0, 0, 0, 150], [0, -8.0, 0, 120], [0, 0, 8.0, 0]])
    draws = model.sample(2, torch.Generator().manual_seed(3)).numpy()
    draws[:, model.n_identity :] = 0
    other = model.mean.numpy() + model.basis.numpy() @ draws[1] + np.float32([0, 0, 0.3])
    common = {"pose": pose, "photo": photo, "subject": "somebody", "facts": {"yaw": "0.0"}}
    return [
        PageFace("a <b>face</b> & more", draws[0], method="one", attributes={"Smiling": 0.9, "Young": 0.4}, **common),
        PageFace("a <b>face</b> & more", draws[1], method="two", vertices=other, **common),
    ]


@pytest.fixture(scope="module")
def visit(faces, model, tmp_path_factory):
    """What happened when a page was opened and used."""
    folder = tmp_path_factory.mktemp("page with späce")
    page = write_page(folder / "face page.html", faces, model, title="Faces & </script> friends")
    node = shutil.which("node")
    if not node or not CHROMIUM or subprocess.run([node, "-e", "require('playwright-core')"]).returncode:
        pytest.skip("no browser: install chromium and put playwright-core on NODE_PATH")
    script = Path(__file__).with_name("browser.cjs")
    done = subprocess.run([node, script, CHROMIUM, page, folder], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "folder": folder, "bytes": page.stat().st_size}


def test_opens_without_errors_and_without_network(visit):
    assert visit["ready"] == "yes", visit["why"]
    assert visit["errors"] == []
    assert [url for url in visit["requests"] if not url.startswith(("file:", "data:", "blob:"))] == []


def test_is_small_and_loads_fast(visit):
    assert visit["bytes"] < 8e6
    assert visit["milliseconds"] < 2000


def test_turns_and_zooms_by_mouse_and_keyboard(visit):
    for action in ("drag", "wheel", "arrow key", "plus key"):
        assert visit["changed"][action] > 0.02, action
    assert "turned" in visit["label"] and "Arrow keys" in visit["label"]


def test_every_appearance_changes_the_picture(visit):
    appearances = ("clay", "normals", "none", "photo", "wire", "landmarks")
    for action in (*appearances, "overlay surface", "overlay landmarks", "overlay none"):
        assert visit["changed"][action] > 0.001, action


def test_wipes_between_photo_and_face_and_names_the_landmarks(visit):
    assert visit["wiped"] == "50"
    assert visit["changed"]["wipe to the photo"] > 1.5 * visit["changed"]["wipe to the face"] > 0.02
    assert visit["landmarkSet"] == "300w-lp, 68 points"
    assert "300w-lp, 68 points" in visit["readout"]


def test_sliders_move_the_face(visit, model):
    assert visit["modes"] == model.n_coeffs
    assert visit["changed"]["identity slider"] > 0.01
    assert visit["changed"]["expression slider"] > 0.001
    assert visit["changed"]["as in the photo"] > 0.01
    assert visit["unlabeled"] == 0
    assert "2.00" in visit["readout"] and "yaw" in visit["readout"]


def test_downloads_are_the_face_that_the_model_makes(visit, model, faces):
    coeffs = faces[0].coeffs.copy()
    coeffs[0], coeffs[-1] = 2.0, 1.0
    wanted = model.mean.numpy() + model.basis.numpy() @ coeffs
    for name, unit in (("face.obj", 1.0), ("face.glb", 0.01)):
        mesh = trimesh.load(visit["folder"] / name, force="mesh", process=False)
        assert len(mesh.faces) == len(model.triangles)
        got = mesh.vertices / unit
        if name == "face.glb":  # the OBJ reader may renumber
            assert np.abs(got - wanted).max() < 0.02  # cm: half-float basis in the shader
            assert mesh.visual.material.baseColorTexture.size[0] > 100
        assert np.abs(got.min(0) - wanted.min(0)).max() < 0.02 and np.abs(got.max(0) - wanted.max(0)).max() < 0.02


def test_compares_methods_and_shows_attributes(visit):
    assert visit["thumbnails"] == 2
    assert visit["compared"] == 2
    assert visit["meters"] == 2


def test_narrow_screens_and_both_themes(visit):
    assert visit["narrowWidth"] <= 360
    assert visit["dark"] != visit["light"]


def test_without_webgl_a_still_picture_and_a_sentence(visit):
    assert "WebGL2" in visit["fallback"]
    assert visit["still"] and not visit["stageWithout"]
