"""What a page carries, read without a browser."""

import base64
import io
import json
import re
import shutil
import subprocess
import zlib
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from pyface3d.images import demo_picture
from pyface3d.morphable import MorphableModel
from pyface3d.page import PageFace, build_page
from pyface3d.page.chart import Chart

WALL = (255, 0, 255)


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default("head", expression="arkit")


@pytest.fixture(scope="module")
def page(model):
    """The scene and the arrays of a page with a face before a magenta wall."""
    photo = np.full((240, 300, 3), WALL, np.uint8)
    y, x = np.mgrid[:240, :300]
    photo[((x - 150) / 62) ** 2 + ((y - 120) / 88) ** 2 < 1] = (190, 140, 120)
    pose = np.array([[8.0, 0, 0, 150], [0, -8.0, 0, 120], [0, 0, 8.0, 0]])
    text = build_page([PageFace("face", np.zeros(model.n_coeffs), pose=pose, photo=photo)], model)
    scene = json.loads(text.split('id="scene">')[1].split("</script>")[0])
    data = zlib.decompress(base64.b64decode(text.split('id="arrays">')[1].split("</script>")[0]))
    return scene, {entry["name"]: array(entry, data) for entry in scene["arrays"]}


def array(entry, data):
    planes = np.frombuffer(data[entry["start"] : entry["start"] + entry["bytes"]], np.uint8)
    kind = np.dtype(entry["dtype"])
    values = np.ascontiguousarray(planes.reshape(kind.itemsize, -1).T).view(kind).ravel()
    return values.reshape(entry["shape"]) * entry["scale"]


def test_landmarks_are_the_points_of_the_named_set(page, model):
    scene, arrays = page
    assert scene["model"]["landmarkSet"] == "300w-lp, 68 points"
    corners, weights = arrays["landmarkCorners"].astype(int), arrays["landmarkWeights"]
    points = np.einsum("lkc,lk->lc", arrays["mean"][corners], weights)
    points = points * scene["model"]["unitScale"] + scene["model"]["center"]
    expected = model.landmark_sets["300w-lp"].of(model.mean).numpy()
    assert np.abs(points - expected).max() < 0.01  # cm: 10 micrometers of quantum, in three corners
    assert np.abs(expected - model.mean[model.landmarks].numpy()).max() > 0.1  # which are no vertices


def test_the_texture_is_the_face_without_the_wall(page):
    texture = np.asarray(Image.open(io.BytesIO(base64.b64decode(page[0]["faces"][0]["texture"].split(",")[1]))))
    assert texture.shape == (512, 512, 3)
    red, green, blue = texture.astype(int).transpose(2, 0, 1)
    assert (np.minimum(red, blue) - green).max() < 40  # of 255; JPEG, and skin is no green
    assert np.abs(texture[200:300, 200:300].astype(int) - (190, 140, 120)).mean() < 12


def test_vertices_have_the_place_that_the_model_gives_them(page, model):
    places, on = page[1]["places"] / 32767, page[1]["onChart"].astype(bool)
    face = model.parts["face"].numpy()
    assert on[face].all() and on.sum() == len(face)
    expected = MorphableModel.default().uv.numpy() * [1, -1] + [0, 1]
    assert np.abs(places[face] - expected).max() < 1e-4


def test_models_whose_layout_has_seams_keep_the_projected_photo(model):
    assert Chart(model).usable
    split = model.uv_triangles.clone()
    split[:100] = split[100:200]
    assert not Chart(model._replaced(uv_triangles=split)).usable
    assert not Chart(model._replaced(uv=None, uv_triangles=None)).usable


@pytest.mark.parametrize("degrees", [-70, -30, 0, 20, 60])
def test_opens_on_the_side_that_the_photo_shows(degrees):
    node = shutil.which("node")
    if not node:
        pytest.skip("no node")
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    pose = np.diag([8.0, -8.0, 8.0]) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])  # turns as the page's camera does
    face = json.dumps({"photo": {}, "pose": np.c_[pose, np.zeros(3)].tolist()})
    code = resources.files("pyface3d.page").joinpath("views.js").read_text("utf-8")
    done = subprocess.run([node, "-e", f"{code}\nconsole.log(openingYaw({face}))"], capture_output=True, text=True)
    yaw = np.degrees(float(done.stdout))
    assert 11 < abs(yaw) < 58
    assert degrees == 0 or np.sign(yaw) == np.sign(degrees)
    assert abs(degrees) < 30 or abs(yaw - degrees) < 15


def test_demo_pictures():
    assert demo_picture().name == "astronaut.jpg" and demo_picture("portrait").pixels.shape == (480, 480, 3)
    with pytest.raises(ValueError, match="must be 'astronaut' or 'portrait', got 'me'"):
        demo_picture("me")


def test_attributes_for_screen_readers_are_aria_s():
    known = "controls hidden label labelledby pressed selected valuemax valuemin valuenow valuetext".split()
    files = [file for file in resources.files("pyface3d.page").iterdir() if file.name.endswith((".html", ".js"))]
    used = {name for file in files for name in re.findall(r"aria-(\w+)", file.read_text())}
    assert used == set(known)
