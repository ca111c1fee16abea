"""The commands of docs/recipes.md, in order, from real files to a picture, for a few steps."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from typer.testing import CliRunner

from pyface3d import Reconstructor
from pyface3d.cli import app
from pyface3d.training.log import read_rows

PAGE = Path(__file__).parents[1] / "docs/recipes.md"
SECTION = re.compile(r"^## (?P<title>.+?)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
SHORT = {  # what makes a command of the page a matter of seconds
    "label": ["--limit", "8", "--views", "1"],
    "train": ["--steps", "20", "--batch-size", "4", "--workers", "0", "--processes", "1"],
    "evaluate": ["--images", "4", "--batch", "4"],
}
FILES = {
    "300W-LP": "300wlp/samples", "AFLW2000-3D": "aflw2000", "AFLW/train.npz": "aflw/train.npz", "CelebA": "celeba",
    "portraits.zip": "portraits/us_congress_225x275.zip", "photo.jpg": "photos/one_face.jpg",
    "01_MorphableModel.mat": "tddfa/keypoint_basis.npz",  # the 68 points of the same face
}  # fmt: skip
METHODS = ("tddfa", "marn", "mobile_frnet", "weight_mask", "joint")


def lines(block):
    """The commands of a block, those of several lines whole."""
    return block.replace("\\\n", " ").splitlines()


def recipes():
    """Method -> the words of each of its commands, as the page has them."""
    found = {}
    for section in SECTION.finditer(PAGE.read_text("utf-8")):
        commands = [shlex.split(line) for block in BLOCK.findall(section["text"]) for line in lines(block)]
        trained = [words[2] for words in commands if words[:2] == ["pyface3d", "train"]]
        if trained:
            found[trained[0]] = commands
    return found


def test_the_page_has_every_method_from_labels_to_a_picture():
    found = recipes()
    assert set(found) == set(METHODS)
    for commands in found.values():
        steps = [words[1] for words in commands]
        assert steps[-4:] == ["train", "evaluate", "export", "reconstruct"] and steps[0] in ("data", "label")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_commands_of_a_method(method, data_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo_file = data_folder / FILES["photo.jpg"]
    (tmp_path / "rois.csv").write_text(",".join(map(str, [photo_file, *crop_of(photo_file)])) + "\n")
    for words in recipes()[method]:
        words = [str(data_folder / FILES[word]) if word in FILES else word for word in words[1:]]
        done = CliRunner().invoke(app, [*words, *SHORT.get(words[0], [])])
        assert done.exit_code == 0, (words, done.output)
        if words[0] == "train":
            assert f"pyface3d evaluate {method} --weights runs/{method}/{method}.safetensors" in done.output
            rows = read_rows(tmp_path / f"runs/{method}/metrics.csv")
            assert rows[-1]["step"] == "20" and all(np.isfinite(float(row["loss"])) for row in rows)
    (report,) = (tmp_path / f"reports/{method}").glob("*.json")
    assert json.loads(report.read_text())
    (picture,) = (tmp_path / f"faces/{method}").glob("*overlay*")
    photo = np.asarray(Image.open(photo_file).convert("RGB"), np.float32)
    drawn = np.asarray(Image.open(picture).convert("RGB"), np.float32)
    assert drawn.shape == photo.shape and (np.abs(drawn - photo).max(2) > 40).sum() > 9
    session = onnxruntime.InferenceSession(f"{method}.onnx")
    side = session.get_inputs()[0].shape[2]
    answers = session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, side, side), np.float32)})
    assert all(np.isfinite(answer).all() for answer in answers)


def crop_of(photo):
    """The crop of the photo's face, from the detector."""
    return Reconstructor(device="cpu")(photo)[0].roi.round().astype(int).tolist()
