"""`register` and `convert-params`: a piece of the embedded face and the whole one."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from pyface3d import MorphableModel
from pyface3d.cli import app


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """The middle of the face in a file, and what `register` said of it and of the embedded face."""
    folder, model = tmp_path_factory.mktemp("pair"), MorphableModel.default()
    x, y, _ = (model.mean - model.mean[model.landmarks[30]]).unbind(1)
    model.subset(((x.abs() < 3.5) & (y.abs() < 4.5)).nonzero()[:, 0]).save(folder / "middle.safetensors")
    result = run("register", folder / "middle.safetensors", "default", "--out", folder / "pair.npz", "--json")
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_a_piece_of_a_face_is_found_on_it(registered):
    folder, told = registered
    there, back = told["ways"]
    assert back["found"] > 85 and there["found"] < 60  # the whole face has most of the piece, not the other way
    assert back["surfaces"] < 0.1 and back["faces"] < 0.3  # millimeters
    assert (folder / "pair.png").stat().st_size > 1000


def test_parameters_go_there_and_back(registered, tmp_path):
    folder, _ = registered
    model = MorphableModel.default()
    faces = np.concatenate([np.tile(np.eye(3, 4).ravel(), (3, 1)), model.sample(3).numpy()], 1)
    np.save(tmp_path / "faces.npy", faces)
    to = ["--correspondence", folder / "pair.npz", "--out"]
    result = run("convert-params", tmp_path / "faces.npy", *to, tmp_path / "pieces.npy", "--back", "--json")
    assert result.exit_code == 0, result.output
    assert max(json.loads(result.stdout)["mm"]) < 0.5
    assert np.load(tmp_path / "pieces.npy").shape == (3, 62)
    told = run("convert-params", tmp_path / "pieces.npy", *to, tmp_path / "again.npy")
    assert "mm apart on average" in told.output
    assert np.abs(np.load(tmp_path / "again.npy")[:, 12:17] - faces[:, 12:17]).max() < 0.3


def test_rows_of_another_length_are_refused(registered, tmp_path):
    np.save(tmp_path / "short.npy", np.zeros((2, 7)))
    call = ["--correspondence", registered[0] / "pair.npz", "--out", tmp_path / "out.npy"]
    result = run("convert-params", tmp_path / "short.npy", *call)
    assert result.exit_code == 1 and "coefficients must be (B, 50)" in result.output
    assert not (tmp_path / "out.npy").exists()
