"""Instructions are followed or refused, never guessed: layouts, frames, kinds of output, small mistakes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pyface3d import MorphableModel, Reconstructor
from pyface3d.cli import app
from pyface3d.export.read_mesh import load_mesh
from pyface3d.fitting import read_landmarks
from pyface3d.methods import create_method, save_weights
from pyface3d.reconstructor.folder import OutputFolder
from pyface3d.reconstructor.given_places import Places, read_places, rois_of_landmarks


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def sentence(result, *words):
    """Exit status 1 or 2, and one sentence with these words."""
    assert result.exit_code in (1, 2), result.output
    assert result.stderr.startswith("pyface3d: ") and result.stderr.count("\n") == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A photo without a face."""
    path = tmp_path_factory.mktemp("photo") / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    return path


def test_five_points_have_their_own_rule(data_folder):
    """Sides of the crops of the points that Deep3D's example pictures come with."""
    folder = data_folder / "deep3d" / "input"
    sides = []
    for name in ("000002", "000006", "015259", "vd006"):
        roi = rois_of_landmarks(np.loadtxt(folder / f"{name}.txt", dtype=np.float32))[0]
        sides.append(float(roi[2] - roi[0]))
    np.testing.assert_allclose(sorted(sides), sorted([262, 208, 308, 203]), rtol=0.08)


def test_a_row_of_204_numbers_is_68_points_of_three(tmp_path):
    points = np.random.default_rng(0).uniform(10, 90, (68, 3)).round(2)
    bare = "a.jpg," + ",".join(map(str, points.ravel()))
    header = "name," + ",".join(f"{axis}{i}" for i in range(68) for axis in "xyz")
    for text in (bare, f"{header}\n{bare}"):
        (tmp_path / "points.csv").write_text(text + "\n")
        got = read_places(tmp_path / "points.csv", "landmarks")["a.jpg"]
        np.testing.assert_allclose(np.asarray(got.landmarks)[0, :, :2], points[:, :2], atol=1e-4)
    rows = np.random.default_rng(1).uniform(10, 90, (3, 136)).round(2)
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",")
    got = read_landmarks(tmp_path / "rows.csv")
    assert got.shape == (3, 68, 2)
    np.testing.assert_allclose(got[2, 5], rows[2, 10:12], atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 68, 136])
def test_every_number_of_rows_of_136_is_as_many_faces(count, tmp_path):
    rows = np.random.default_rng(count).uniform(10, 90, (count, 136)).round(2)
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",")
    np.save(tmp_path / "rows.npy", rows)
    for name in ("rows.csv", "rows.npy"):
        np.testing.assert_allclose(read_landmarks(tmp_path / name), rows.reshape(count, 68, 2), atol=1e-4)


def test_the_frame_of_fit_is_an_option_and_is_said(tmp_path):
    model = MorphableModel.default()
    points = model.landmarks68(torch.zeros(1, model.n_coeffs))[0, :, :2] * torch.tensor([8.0, -8.0]) + 200
    np.save(tmp_path / "face.npy", points.numpy())
    out = tmp_path / "new" / "deeper" / "x.glb"
    told = [json.loads(run("fit", tmp_path / "face.npy", "--out", out, "--size", size, "--json").stdout)
            for size in (120, 450)]  # fmt: skip
    assert [entry["size"] for entry in told] == [120, 450] and out.is_file()
    low, high = (np.array(entry["params"])[0] for entry in told)
    assert high[7] - low[7] == pytest.approx(330, abs=0.5)  # t_y, from the lower edge
    assert "in the frame of a picture of 450 pixels, y up" in run(
        "fit", tmp_path / "face.npy", "--out", out, "--size", 450
    ).stdout.replace("\n", " ")


def test_every_kind_of_mesh_is_read_back_with_the_rows_that_were_written(tmp_path):
    model = MorphableModel.default("head")  # copies of vertices stand along the seams of its chart
    model.save(tmp_path / "head.npz")
    maps = []
    for ending in ("obj", "ply", "glb"):
        mesh, out = tmp_path / f"head.{ending}", tmp_path / f"{ending}.npy"
        assert run("convert", tmp_path / "head.npz", mesh).exit_code == 0
        done = run("convert", mesh, out, "--model", tmp_path / "head.npz", "--size", "32")
        assert done.exit_code == 0, done.output
        maps.append(np.load(out))
    assert len(load_mesh(tmp_path / "head.glb")[0]) > model.n_vertices
    for other in maps[1:]:
        np.testing.assert_allclose(other, maps[0], atol=1e-5)


def test_a_table_without_a_face_has_its_header(noise, tmp_path):
    done = run("reconstruct", noise, "--save", "csv", "--out", tmp_path / "o")
    assert done.exit_code == 1 and "no face found" in done.stderr
    assert (tmp_path / "o" / "faces.csv").read_text().startswith("photo,face,method,score")


def test_what_a_model_without_triangles_cannot_give_is_named_and_the_rest_is_done(noise, tmp_path):
    whole = MorphableModel.default()
    ids = whole.landmarks
    points = MorphableModel(
        whole.mean[ids],
        whole.identity_basis[ids],
        whole.expression_basis[ids],
        np.zeros((0, 3), int),
        landmarks=range(68),
    )
    points.save(tmp_path / "points.npz")
    save_weights(create_method("compact", model=points).eval(), tmp_path / "weights.safetensors")
    options = ("--weights", tmp_path / "weights.safetensors", "--model", tmp_path / "points.npz", "--detector", "whole")
    done = run("reconstruct", noise, *options, "--out", tmp_path / "o")
    assert done.exit_code == 0, done.output
    assert "not written are glb, page: the face model" in done.stderr and "no triangles" in done.stderr
    assert {path.name for path in (tmp_path / "o").iterdir()} >= {"noise.json", "faces.csv"}
    sentence(run("reconstruct", noise, *options, "--save", "obj,csv", "--out", tmp_path / "p"), "obj", "no triangles")


def test_an_answer_that_is_no_face_is_refused_where_it_arises(noise):
    method = create_method("compact", width=0.05, size=32).eval()
    with torch.no_grad():
        list(method.network.parameters())[-1].fill_(torch.nan)
    (result,) = Reconstructor(method, detector="whole").iter([noise])
    assert not result.faces and result.dropped == 1
    places = {"noise": Places(rois=[0, 0, 64, 64])}
    (result,) = Reconstructor(method).iter([noise], places=places)
    assert not result.faces and "an answer of the network is no face" in result.problem


def test_the_card_names_the_method(noise, tmp_path):
    torch.manual_seed(0)
    save_weights(create_method("tddfa", width=0.25).eval(), tmp_path / "w.safetensors")
    options = ("--weights", tmp_path / "w.safetensors", "--detector", "whole", "--save", "csv", "--out", tmp_path / "o")
    assert run("reconstruct", noise, *options).exit_code == 0
    assert ",tddfa," in (tmp_path / "o" / "faces.csv").read_text()
    measured = run("evaluate", "--weights", tmp_path / "w.safetensors", "--protocol", "speed", "--json")
    assert json.loads(measured.stdout)["method"] == "tddfa", measured.output
    torch.save({}, tmp_path / "w.pth")
    sentence(run("reconstruct", noise, "--weights", tmp_path / "w.pth"), "w.pth", "name the method")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "compact", "--data", "synthetic:8", "--set", "weight_decay=nan"), "weight_decay must be a finite"),
        (("train", "compact", "--data", "synthetic:8", "--set", "weight_decay=NaN"), "weight_decay must be a finite"),
        (("train", "compact", "--data", "synthetic:8", "--rate", "inf"), "learning_rate must be a finite number"),
        (("train", "compact", "--data", "synthetic:8", "--set", "max_minutes=NaN"), "max_minutes must be a number"),
        (("train", "compact", "--data", "synthetic:8", "--set", "max_steps=3"), "max_steps of Lightning's trainer is"),
        (("profile", "nowhere.jpg", "--yaw", "nan"), "--yaw must be"),
        (("profile", "nowhere.jpg", "--yaw", "0:1e9:1e-9"), "--yaw must be"),
        (("profile", "nowhere.jpg", "--yaw", "0:inf:1"), "--yaw must be"),
        (("profile", "nowhere.jpg", "--spread", "inf"), "spread must be finite"),
    ],
)
def test_numbers_that_are_none(arguments, words, tmp_path):
    more = ("--processes", "1", "--steps", "1", "--batch-size", "2") if arguments[0] == "train" else ()
    sentence(run(*arguments, *more, "--out", tmp_path / "o"), words)


def test_profile_names_what_matches_nothing_and_does_the_rest(tmp_path):
    model = MorphableModel.default()
    points = model.landmarks68(torch.zeros(1, model.n_coeffs))[0, :, :2] * torch.tensor([8.0, -8.0]) + 100
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "ada.png")
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "bob.png")
    entries = {"ada.png": points.tolist(), "bob.png": [["x"]], "misspelt.png": points.tolist()}
    (tmp_path / "points.json").write_text(json.dumps(entries))
    options = ("--landmarks", tmp_path / "points.json", "--yaw", "0,30", "--size", "48", "--json")
    done = run("profile", tmp_path / "ada.png", tmp_path / "bob.png", *options, "--out", tmp_path / "o")
    assert done.exit_code == 3, done.output
    refused = json.loads(done.stdout)["refused"]
    assert set(refused) == {str(tmp_path / "bob.png"), "misspelt.png"} and "no such photo" in refused["misspelt.png"]


def test_two_processes_open_one_folder(tmp_path):
    code = "from pyface3d.reconstructor.folder import OutputFolder\nfor _ in range(300): OutputFolder(sys.argv[1], [])"
    code = f"import sys; {code}"
    pair = [subprocess.Popen([sys.executable, "-c", code, tmp_path], stderr=subprocess.PIPE, text=True) for _ in "ab"]
    assert [(process.communicate()[1], process.returncode) for process in pair] == [("", 0)] * 2
    assert not list(tmp_path.iterdir()) and OutputFolder(tmp_path, []).folder == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes")
def test_a_name_outside_ascii_where_the_locale_has_none(noise, tmp_path):
    photo = os.path.join(os.fsencode(tmp_path), "\u9854.png".encode())
    Path(os.fsdecode(photo)).write_bytes(noise.read_bytes())
    plain = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    code = """
import sys, typer
from pyface3d.cli.command import register, screen
from pyface3d.images import find_sources
inputs, app = sys.argv[1:], typer.Typer()
def names():
    for source in find_sources(inputs):
        source.read()
        screen.say(source.name)
register(app, names)
app(args=[])
"""
    done = subprocess.run([sys.executable, "-c", code, photo, os.fsencode(tmp_path)], capture_output=True, env=plain)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b".png") == 2
