"""Trainings by name, and the loop of the embedded weights."""

import csv
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import pyface3d
from pyface3d.cli import app
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.training import embedded, open_source, run_training
from pyface3d.training.objective import PortraitObjective
from pyface3d.training.portrait_augment import PortraitAugment
from pyface3d.training.run import _processes

SMALL = {"steps": 2, "batch_size": 4, "workers": 0, "enable_progress_bar": False, "log_every_n_steps": 1}


def test_weights_of_a_run_can_be_created(tmp_path):
    report = run_training("mobile_frnet", ["synthetic:8"], tmp_path, **SMALL)
    method = pyface3d.create_method("mobile_frnet", pretrained=report["weights"])
    assert method.space.to_dict() == parameter_space().to_dict()
    assert report["steps"] == 2


def test_a_map_method_learns_from_parameters(tmp_path):
    report = run_training("position_map_small", ["synthetic:8"], tmp_path, **SMALL)
    assert Path(report["weights"]).exists()
    assert "train/position_map" in (tmp_path / "metrics.csv").read_text()


def test_the_command_trains(tmp_path):
    arguments = ["train", "mobile_frnet", "--data", "synthetic:4", "--out", str(tmp_path), "--quiet"]
    found = CliRunner().invoke(app, [*arguments, "--steps", "1", "--batch-size", "2", "--workers", "0"])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "mobile_frnet.safetensors").exists() and (tmp_path / "last.ckpt").exists()


def test_sources_that_are_not_there():
    method = pyface3d.create_method("mobile_frnet")
    with pytest.raises(ValueError, match="wants a number"):
        open_source("synthetic:many", method)
    with pytest.raises(FileNotFoundError):
        open_source("nowhere", method)


@pytest.fixture
def one_process(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29871"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("pyface3d.data.synthetic.pool.CHUNK", 16)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def losses(folder: Path) -> list[list[str]]:
    with open(folder / "log.csv") as file:
        return [row[:1] + row[3:] for row in csv.reader(file)]


@pytest.mark.parametrize("method", ["mobile_frnet", "position_map_small"])
def test_the_embedded_run_repeats_its_losses(tmp_path, one_process, method):
    """The same command, whole and in two parts: the same losses to the last digit that is written."""
    size = ["--sizes", "48", "64", "--switches", "2"] if method == "mobile_frnet" else ["--sizes", "64", "--switches"]
    common = [method, "--pool", str(tmp_path / "pool"), "--count", "16", "--batch", "4", *size]
    common += ["--log", "1", "--save", "2"]
    constant = ["--decay", "0"]
    embedded.main([*common, *constant, "--steps", "4", "--out", str(tmp_path / "one")])
    embedded.main([*common, *constant, "--steps", "2", "--out", str(tmp_path / "two")])
    embedded.main([*common, *constant, "--steps", "4", "--out", str(tmp_path / "two")])  # resumes after two
    assert losses(tmp_path / "one") == losses(tmp_path / "two") and len(losses(tmp_path / "one")) == 4


def test_moved_pictures_keep_their_labels():
    """The similarity of a batch moves parameters and landmarks alike."""
    faces = SyntheticFaces(seed=3)
    batch = faces.render(range(8))
    objective = PortraitObjective(pyface3d.MorphableModel.default(), parameter_space())
    moved = PortraitAugment(turn=20.0, zoom=0.2, shift=0.1)(batch, 60, torch.Generator().manual_seed(0))
    assert moved["image"].shape == (8, 3, 60, 60)
    for one in (batch, moved):
        points = objective.pose(one["params"])[:, :68, :2]
        points[..., 1] = 119 - points[..., 1]
        error = (points - one["landmarks"][..., :2]).norm(dim=2).mean(1)  # what perspective leaves
        one["error"] = error
    scale = moved["params"][:, :3].norm(dim=1) / batch["params"][:, :3].norm(dim=1)
    torch.testing.assert_close(moved["error"], batch["error"] * scale, atol=2e-3, rtol=2e-3)


def test_the_objective_is_zero_at_the_truth_without_perspective():
    labels = SyntheticFaces(seed=3).labels(range(200))
    space = parameter_space()
    objective = PortraitObjective(pyface3d.MorphableModel.default(), space)
    _, terms = objective(space.whiten(labels["params"]), labels)
    assert terms["params"] < 1e-8 and terms["vertices"] < 1e-4 and terms["pixels"] < 1.5
    _, mean = objective(torch.zeros(200, 62), labels)
    assert mean["pixels"] > 10


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, {}),
        ({"TORCHELASTIC_RUN_ID": "a", "LOCAL_WORLD_SIZE": "8", "WORLD_SIZE": "32"}, {"devices": 8, "num_nodes": 4}),
    ],
)
def test_torchrun_says_how_many_processes_there_are(environment, wanted, monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _processes() == wanted
