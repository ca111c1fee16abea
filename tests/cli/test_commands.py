"""The commands around reconstruction: what they write, one bad input each, --json, --quiet, exit codes."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh
from typer.testing import CliRunner

import pyface3d
from pyface3d import MorphableModel
from pyface3d.cli import app
from pyface3d.methods import create_method, save_weights


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def assert_refused(result, words):
    """One sentence on standard error, exit code 1."""
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("pyface3d: ") and result.stderr.count("\n") == 1, result.stderr
    assert words in result.stderr and "Traceback" not in result.output


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A small face model: the landmarks of the embedded one and every fortieth vertex besides."""
    whole = MorphableModel.default()
    ids = torch.unique(torch.cat([whole.landmarks, torch.arange(0, whole.n_vertices, 40)]))
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    whole.subset(ids).save(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tddfa.safetensors"
    save_weights(create_method("tddfa", width=0.25).eval(), path)
    return path


@pytest.fixture(scope="module")
def points_file(tmp_path_factory):
    """68 landmarks of a made-up face, in pixels."""
    model = MorphableModel.default()
    coeffs = model.sample(1, torch.Generator().manual_seed(1))
    points = model.landmarks68(coeffs)[0, :, :2] * torch.tensor([8.0, -8.0]) + 100
    path = tmp_path_factory.mktemp("points") / "face.npy"
    np.save(path, points.numpy())
    return path


def test_models_lists_and_describes(model_file, tmp_path):
    listed = json.loads(run("models", "--json").stdout)
    assert listed["methods"] == pyface3d.list_methods()
    assert [model["vertices"] for model in listed["face_models"]] == [9409, 24591]
    described = json.loads(run("models", model_file, "--json").stdout)["face_models"]
    assert described[0]["hash"] == pyface3d.load_model(model_file).hash()
    assert "mobile_frnet" in run("models").stdout
    assert run("models", "--quiet").output == ""
    (tmp_path / "letter.mat").write_text("dear all")
    assert_refused(run("models", tmp_path / "letter.mat"), "letter.mat")
    assert_refused(run("models", tmp_path / "none.mat"), "does not exist")


def test_convert_models_and_meshes(model_file, tmp_path):
    result = run("convert", model_file, tmp_path / "small.npz", "--json")
    assert json.loads(result.stdout) == {"file": str(tmp_path / "small.npz")}
    assert pyface3d.load_model(tmp_path / "small.npz").hash() == pyface3d.load_model(model_file).hash()
    assert run("convert", model_file, tmp_path / "small.obj", "--quiet").output == ""
    mesh = trimesh.load(tmp_path / "small.obj", process=False)
    assert len(mesh.vertices) == pyface3d.load_model(model_file).n_vertices
    assert_refused(run("convert", model_file, tmp_path / "small.doc"), "small.doc")
    assert_refused(run("convert", tmp_path / "none.obj", tmp_path / "x.ply"), "none.obj")
    assert {file.name for file in tmp_path.iterdir()} >= {"small.npz", "small.obj"}
    assert not list(tmp_path.glob("*.doc")) and not list(tmp_path.glob("x.*"))


def test_fit_lands_on_the_landmarks(points_file, model_file, tmp_path):
    result = run("fit", points_file, "--out", tmp_path / "face.glb", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["error"][0] < 1.5 and np.shape(report["landmarks"]) == (1, 68, 2)
    assert len(trimesh.load(tmp_path / "face.glb", force="mesh", process=False).faces) > 18000
    small = run("fit", points_file, "--model", model_file, "--out", tmp_path / "small.ply", "--quiet")
    assert small.exit_code == 0 and small.output == "" and (tmp_path / "small.ply").exists()
    np.save(tmp_path / "seven.npy", np.zeros((7, 2)))
    assert_refused(run("fit", tmp_path / "seven.npy"), "7")
    assert run("fit").exit_code == 2


def test_export_runs_in_onnxruntime_and_carries_its_card(weights, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "method.onnx"
    result = run("export", "tddfa", "--weights", weights, "--landmarks", "--out", out, "--json")
    assert result.exit_code == 0 and json.loads(result.stdout) == {"file": str(out)}, result.output
    session = onnxruntime.InferenceSession(out)
    assert "pyface3d" in session.get_modelmeta().custom_metadata_map
    images = np.zeros((2, 3, 120, 120), np.float32)
    answers = session.run(None, {session.get_inputs()[0].name: images})
    assert {answer.shape for answer in answers} == {(2, 62), (2, 68, 3)}
    assert_refused(run("export", "tddfa", "--weights", tmp_path / "none.pth", "--out", out), "none.pth")
    assert_refused(run("export", "magic", "--out", out), "unknown method 'magic'")


def test_label_makes_samples_and_names_what_it_refuses(data_folder, tmp_path):
    import shutil
    import zipfile

    source = tmp_path / "source"
    source.mkdir()
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_full450.zip") as archive:
        stems = [name[:-4] for name in archive.namelist() if name.endswith(".mat")][:2]
        for stem in stems:
            for ending in (".mat", ".jpg"):
                (source / (stem.rsplit("/")[-1] + ending)).write_bytes(archive.read(stem + ending))
    model = data_folder / "tddfa" / "keypoint_basis.npz"
    result = run("label", source, "--model", model, "--out", tmp_path / "labels", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"folder": str(tmp_path / "labels"), "total": 2, "refused": {}}
    shutil.copy(source / f"{stems[0].rsplit('/')[-1]}.mat", source / "alone.mat")
    (source / "alone.jpg").write_text("no picture")
    partly = run("label", source, "--model", model, "--out", tmp_path / "again")
    assert partly.exit_code == 3 and "1 files of 3 refused" in partly.stderr
    assert run("label", source, "--maps", 64, "--out", tmp_path / "maps").exit_code == 2  # maps need the model
    assert_refused(run("label", tmp_path / "none", "--out", tmp_path / "x"), "none")


def test_train_writes_weights_that_load_and_reads_its_options(tmp_path):
    (tmp_path / "options.yaml").write_text("batch-size: 2\nsteps: 5\nworkers: 0\ndata: synthetic:4\n")
    out = tmp_path / "run"
    result = run("train", "tddfa", "--recipe", tmp_path / "options.yaml", "--steps", 1, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout[result.stdout.index("{") :])
    assert report["steps"] == 1  # the command line wins over the file
    assert create_method("tddfa", pretrained=report["weights"]).name == "tddfa"
    assert run("train", "tddfa", "--out", out).exit_code == 2  # on what?
    assert_refused(run("train", "tddfa", "--data", tmp_path / "none", "--out", tmp_path / "x"), "none")
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert run("train", "tddfa", "--recipe", tmp_path / "list.yaml").exit_code == 1


def test_doctor_speaks_and_is_quiet():
    spoken = run("doctor")
    assert spoken.exit_code == 0
    assert all(section in spoken.stdout for section in ("system", "torch", "kernels", "simd", "threads"))
    assert run("doctor", "--quiet").output == ""


def test_fit_names_faces_that_cannot_be_fitted(points_file, tmp_path):
    np.save(tmp_path / "none.npy", np.full((68, 2), np.nan))
    assert_refused(run("fit", tmp_path / "none.npy"), "at least four different landmarks")
    np.save(tmp_path / "same.npy", np.zeros((68, 2)))
    assert_refused(run("fit", tmp_path / "same.npy"), "at least four different landmarks")
    np.save(tmp_path / "zero.npy", np.zeros((0, 68, 2)))
    assert_refused(run("fit", tmp_path / "zero.npy"), "at least four different landmarks")
    faces = np.stack([np.full((68, 2), np.nan), np.load(points_file)])
    np.save(tmp_path / "two.npy", faces)
    result = run("fit", tmp_path / "two.npy", "--out", tmp_path / "two.glb", "--json")
    assert result.exit_code == 3 and "landmarks: 1" in result.stderr, result.output
    report = json.loads(result.stdout)
    assert len(report["error"]) == 1 and report["files"] == [str(tmp_path / "two-face2.glb")]
    assert [file.name for file in tmp_path.glob("*.glb")] == ["two-face2.glb"]


def test_evaluate_needs_data_unless_it_measures_speed(weights, tmp_path):
    assert_refused(run("evaluate", "tddfa", "--weights", weights), "measures on data")
    (tmp_path / "options.yaml").write_text("steps: [1")
    assert_refused(run("train", "tddfa", "--recipe", tmp_path / "options.yaml"), "NAME: VALUE lines")


def test_export_makes_its_folder_and_is_silent(weights, tmp_path):
    pytest.importorskip("onnxscript")
    out = tmp_path / "new" / "tddfa.onnx"
    command = [sys.executable, "-m", "pyface3d", "export", "tddfa", "--weights", str(weights), "--out", str(out)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and out.stat().st_size > 0 and result.stderr == "", result.stderr
    (tmp_path / "file").write_text("")
    assert_refused(run("export", "tddfa", "--weights", weights, "--out", tmp_path / "file" / "a.onnx"), "file")


def test_a_mesh_survives_the_way_to_a_map_and_back(points_file, tmp_path):
    assert run("fit", points_file, "--out", tmp_path / "face.glb").exit_code == 0
    assert run("convert", tmp_path / "face.glb", tmp_path / "face.npy").exit_code == 0
    assert run("convert", tmp_path / "face.npy", tmp_path / "back.ply").exit_code == 0
    face, back = (trimesh.load(tmp_path / name, force="mesh", process=False) for name in ("face.glb", "back.ply"))
    assert np.abs(face.bounds - back.bounds).max() < 0.003  # meters: neither turned over nor scaled
    values = np.load(tmp_path / "face.npy") * [1000, -1000, 1000] + 100  # as in a photo, y down
    np.save(tmp_path / "photo.npy", values.astype(np.float32))
    assert run("convert", tmp_path / "photo.npy", tmp_path / "photo.ply").exit_code == 0
    photo = trimesh.load(tmp_path / "photo.ply", process=False)
    upright = np.corrcoef(photo.vertices[:, 1], back.vertices[:, 1])[0, 1]
    assert upright > 0.999 and np.ptp(photo.vertices[:, :2], axis=0).max() == pytest.approx(0.2, abs=1e-3)


def test_a_mesh_becomes_no_other_mesh_and_sizes_are_positive(tmp_path):
    (tmp_path / "face.glb").write_bytes(b"glTF")
    assert_refused(run("convert", tmp_path / "face.glb", tmp_path / "face.obj"), "is a mesh, which becomes")
    assert run("count", "tddfa", "--size", "0").exit_code == 2
