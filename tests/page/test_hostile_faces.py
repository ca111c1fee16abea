"""Pages of faces that are none, and of names that are markup, opened in a real browser where there is one."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pyface3d.morphable import MorphableModel
from pyface3d.page import PageFace, write_page

CHROMIUM = os.environ.get("PYFACE3D_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
POSE = np.array([[8.0, 0, 0, 30], [0, -8.0, 0, 24], [0, 0, 8.0, 0]])
HOSTILE = "</script><script>throw Error('ran')</script><img src=x onerror=throw(1)>\udcff\n\u2028${title}"


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default("head", expression="blendshapes")


@pytest.fixture(scope="module")
def faces(model):
    zero, mean = np.zeros(model.n_coeffs), model.mean.numpy()
    photo = np.full((48, 60, 3), 90, np.uint8)
    kinds = {
        "NaN coefficients": {"coeffs": zero * np.nan},
        "infinite coefficients": {"coeffs": zero + np.inf},
        "exploded coefficients": {"coeffs": zero + 1e30},
        "NaN vertices": {"coeffs": zero, "vertices": mean * np.nan},
        "collapsed": {"coeffs": zero, "vertices": mean * 0},
        "exploded": {"coeffs": zero, "vertices": mean * 1e12},
        "0 x 0 photo": {"coeffs": zero, "photo": photo[:0, :0], "pose": POSE},
        "1 x 1 photo": {"coeffs": zero, "photo": photo[:1, :1], "pose": POSE},
        "NaN pose": {"coeffs": zero, "photo": photo, "pose": POSE * np.nan},
        "flat pose": {"coeffs": zero, "photo": photo, "pose": POSE * 0},
        "far pose": {"coeffs": zero, "photo": photo, "pose": POSE * 1e12},
        "beside the photo": {"coeffs": zero, "photo": photo, "pose": POSE + [[0, 0, 0, 5000.0]] * 3},
        "NaN attributes": {"coeffs": zero, "attributes": {"Young": np.nan, HOSTILE: np.inf, "Male": 0.5}},
        HOSTILE: {"coeffs": zero, "method": HOSTILE, "subject": HOSTILE, "facts": {HOSTILE: HOSTILE, "yaw": np.nan}},
    }
    return [PageFace(title, **face) for title, face in kinds.items()]


def scene_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    start = text.index('id="scene"')
    start = text.index(">", start) + 1

    def never(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text[start : text.index("</script>", start)], parse_constant=never)


def test_what_is_no_number_is_null_and_what_is_no_face_is_left_out(faces, model, tmp_path):
    scene = scene_of(write_page(tmp_path / "faces.html", faces, model, title=HOSTILE))
    by_title = {face["title"]: face for face in scene["faces"]}
    assert by_title["NaN attributes"]["attributes"]["Young"] is None
    assert by_title["NaN attributes"]["attributes"]["Male"] == 0.5
    for title in ("NaN coefficients", "infinite coefficients", "exploded coefficients"):
        assert set(by_title[title]["coefficients"]) == {0.0} and "the face" in by_title[title]["facts"]["shown without"]
    for title in ("0 x 0 photo", "1 x 1 photo", "NaN pose", "flat pose", "far pose"):
        assert by_title[title]["photo"] is None and by_title[title]["facts"]["shown without"] == "its photo"
    assert by_title["exploded"]["residual"] is None


@pytest.mark.parametrize("layout", ["viewer", "gallery"])
def test_opens_without_an_error(faces, model, tmp_path, layout):
    node = shutil.which("node")
    if not node or not CHROMIUM or subprocess.run([node, "-e", "require('playwright-core')"]).returncode:
        pytest.skip("no browser: install chromium and put playwright-core on NODE_PATH")
    page = write_page(tmp_path / "faces.html", faces, model, title=HOSTILE, layout=layout)
    script = Path(__file__).with_name("open_only.cjs")
    done = subprocess.run([node, script, CHROMIUM, page], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ready"] == "yes" and told["errors"] == [] and told["outside"] == [], told
    assert told["shown"] == len(faces)
