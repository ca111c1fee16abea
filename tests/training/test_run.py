"""Trainings by name: the command, its recipes, its processes and its account."""

import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

import pyface3d
from pyface3d.cli import app
from pyface3d.data import select
from pyface3d.data.augment import LIGHT, Augment
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.losses import PointLoss
from pyface3d.methods import Recipe
from pyface3d.training import open_source, read_recipe, run_training, start_from
from pyface3d.training.job import RECIPE_FIELDS, command, make_method
from pyface3d.training.launch import default_processes
from pyface3d.training.log import read_rows
from pyface3d.training.run import _processes

SMALL = {"steps": 2, "batch_size": 4, "workers": 0, "bar": False, "log_every": 1, "processes": 1}
TINY = {"width": 0.125}  # of the baseline's trunk


def state(path) -> dict[str, torch.Tensor]:
    return pyface3d.create_method("tddfa", pretrained=path).network.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_weights_of_a_run_can_be_created_and_hold_the_command(tmp_path):
    report = run_training("tddfa", ["synthetic:8"], tmp_path, arguments=TINY, **SMALL)
    method = pyface3d.create_method("tddfa", pretrained=report["weights"])
    assert method.space.to_dict() == parameter_space().to_dict()
    assert report["steps"] == 2
    said = pyface3d.methods.read_card(report["weights"]).training["command"]
    assert said.startswith("pyface3d train tddfa --data synthetic:8 --seed 0 --argument width=0.125")


def test_a_map_method_learns_from_parameters(tmp_path):
    run_training("position_map_small", ["synthetic:8"], tmp_path, **SMALL)
    assert "position_map" in read_rows(tmp_path / "metrics.csv")[0]


def test_the_command_trains_and_says_what_comes_next(tmp_path):
    arguments = ["train", "tddfa", "--data", "synthetic:4", "--out", str(tmp_path), "--argument", "width=0.125"]
    arguments += ["--steps", "1", "--batch-size", "2", "--workers", "0", "--processes", "1"]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    assert (tmp_path / "tddfa.safetensors").exists() and (tmp_path / "last.ckpt").exists()
    assert "after 1 steps" in found.output and "next: pyface3d evaluate tddfa" in found.output
    again = CliRunner().invoke(app, [*arguments, "--steps", "3", "--json"])
    assert json.loads(again.stdout)["steps"] == 3
    assert [row["step"] for row in read_rows(tmp_path / "metrics.csv")] == ["1", "2", "3"]


def test_two_processes_of_the_command_are_silent_when_asked(tmp_path):
    """Spawned by the command itself: gradients are averaged, nothing is printed, one seed gives one set of weights."""
    call = [sys.executable, "-m", "pyface3d", "train", "tddfa", "--data", "synthetic:8", "--argument", "width=0.125"]
    call += ["--steps", "2", "--batch-size", "4", "--processes", "2", "--quiet", "--rate", "0.001"]
    runs = [subprocess.run([*call, "--out", tmp_path / name], capture_output=True, timeout=400) for name in "ab"]
    assert all(run.returncode == 0 and not run.stdout and not run.stderr for run in runs), runs[0].stderr
    assert same(*(state(tmp_path / name / "tddfa.safetensors") for name in "ab"))


def test_an_error_of_a_process_is_the_commands(tmp_path):
    with pytest.raises(ValueError, match="use smaller batches"):
        run_training("tddfa", ["synthetic:2"], tmp_path, arguments=TINY, **{**SMALL, "processes": 2, "batch_size": 4})


def test_unknown_options_are_named(tmp_path):
    with pytest.raises(ValueError, match="unknown option 'learning_rates'; is 'learning_rate' meant"):
        run_training("tddfa", ["synthetic:2"], tmp_path, learning_rates=1.0, **SMALL)
    with pytest.raises(ValueError, match="augment must be one of"):
        run_training("tddfa", ["synthetic:2"], tmp_path, **{**SMALL, "augment": "much"})
    with pytest.raises(FileNotFoundError, match="known: mobile_frnet_synthetic"):
        read_recipe("nothing")


def test_sources_that_are_not_there():
    method = pyface3d.create_method("mobile_frnet")
    with pytest.raises(ValueError, match="wants a number"):
        open_source("synthetic:many", method)
    with pytest.raises(FileNotFoundError):
        open_source("nowhere", method)


@pytest.mark.parametrize("name", ["mobile_frnet_synthetic", "mobile_frnet_taught"])
def test_the_recipes_of_the_embedded_weights_run_whole_and_in_parts(name, tmp_path, monkeypatch):
    """The same bits whole and stopped by the clock, over a change of the picture's size, from a kept pool."""
    monkeypatch.setattr("pyface3d.data.pool.CHUNK", 4)
    options = read_recipe(name)
    method, own = options.pop("method"), {key for key in options if key in RECIPE_FIELDS}
    assert {"optimizer", "schedule", "learning_rate", "warmup_steps", "ema"} <= own
    options |= {"data": None, "pool": str(tmp_path / "pool"), "steps": 3, "batch_size": 2, "decay_steps": 2}
    options |= {"sizes": [[0, 32], [2, 40]]} if "sizes" in options else {}
    options = {key: value for key, value in options.items() if key != "data"} | {"log_every": 1, "bar": False}
    options |= {"processes": 1, "workers": 0}
    whole = run_training(method, ["synthetic:4"], tmp_path / "whole", **options)
    for minutes in (0.0, 0.0, None):  # stopped after each step
        parts = run_training(method, ["synthetic:4"], tmp_path / "parts", max_minutes=minutes, **options)
    assert parts["steps"] == whole["steps"] == 3
    rows = [read_rows(tmp_path / name / "metrics.csv") for name in ("whole", "parts")]
    assert [[(r["step"], r["loss"], r["rate"]) for r in table] for table in rows][0] == [
        (r["step"], r["loss"], r["rate"]) for r in rows[1]
    ]
    a, b = (pyface3d.create_method(method, pretrained=run["weights"]).network.state_dict() for run in (whole, parts))
    assert same(a, b)


def test_one_seed_is_one_set_of_weights_from_the_first_tensor(tmp_path):
    for seed, folder in ((3, "a"), (3, "b"), (4, "c")):
        torch.manual_seed(len(folder) + ord(folder))  # whatever was random before
        run_training("tddfa", ["synthetic:4"], tmp_path / folder, arguments=TINY, **{**SMALL, "steps": 1, "seed": seed})
    a, b, c = (state(tmp_path / name / "tddfa.safetensors") for name in "abc")
    assert same(a, b) and not same(a, c)


def test_a_trunk_starts_another_network_and_a_head_only_its_own(tmp_path):
    source = make_method("tddfa", **TINY)
    pyface3d.methods.save_weights(source, tmp_path / "a.safetensors")
    rough = pyface3d.create_method("tddfa", **TINY)  # another whitening of the same parameters
    assert not start_from(rough, tmp_path / "a.safetensors").fresh
    images = torch.rand(2, 3, 120, 120) * 2 - 1
    with torch.no_grad():
        params = [m.eval().space.unwhiten(m(images)) for m in (source, rough)]
    torch.testing.assert_close(params[1], params[0], atol=1e-3, rtol=1e-4)
    foreign = {f"module.{name}": tensor for name, tensor in source.network.state_dict().items()}
    torch.save({"state_dict": foreign}, tmp_path / "b.pth")
    fresh = start_from(make_method("tddfa", **TINY), tmp_path / "b.pth").fresh
    assert fresh == ["fc.weight", "fc.bias"]
    with pytest.raises(ValueError, match="of another architecture"):
        start_from(pyface3d.create_method("mobile_frnet"), tmp_path / "b.pth")


def test_a_loss_that_is_not_finite_names_sample_set_and_term(tmp_path, monkeypatch):
    original = SyntheticFaces.__getitems__

    def broken(self, indices):
        samples = original(self, indices)
        for index, sample in zip(indices, samples):
            sample["name"] = f"portrait {index}"
            if index == 2:
                sample["params"] = sample["params"] * float("inf")
        return samples

    monkeypatch.setattr(SyntheticFaces, "__getitems__", broken)
    options = {**SMALL, "augment": "none", "objective": {"landmarks": 1.0, "params": 1.0}}
    with pytest.raises(FloatingPointError, match="step 0: term params of sample portrait 2 of synthetic portraits"):
        run_training("tddfa", ["synthetic:4"], tmp_path, arguments=TINY, **options)


def test_moved_pictures_keep_their_labels():
    """The similarity of a batch moves parameters and landmarks alike, whatever the size of the pictures."""
    faces, space = SyntheticFaces(seed=3), parameter_space()
    model = pyface3d.MorphableModel.default()
    batch = faces.render(range(8))
    moved = Augment(space, model, strength=LIGHT)(batch, torch.Generator().manual_seed(0), side=60)
    assert moved["image"].shape == (8, 3, 60, 60)
    errors = []
    for one in (batch, moved):
        pose, coeffs = space.split(one["params"])
        points = pyface3d.camera.flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :2]
        errors.append((points - one["landmarks"][..., :2]).norm(dim=2).mean(1))  # what perspective leaves
    scale = moved["transform"][:, :, 0].norm(dim=1)
    torch.testing.assert_close(errors[1], errors[0] * scale, atol=2e-3, rtol=2e-3)


def test_a_smaller_picture_shows_the_same_places():
    ramp = torch.arange(60, dtype=torch.uint8).expand(1, 3, 60, 60).contiguous()
    still = pyface3d.data.Strength(0, (1, 1), 0, 0, 0, 0, 0)
    small = Augment(strength=still)({"image": ramp}, torch.Generator().manual_seed(0), side=20)["image"]
    assert small[0, 0, 0].tolist() == [1 + 3 * k for k in range(20)]  # the middle of three pixels


def test_point_loss_is_zero_at_the_truth_without_perspective_and_counts_what_is_there():
    labels, space = SyntheticFaces(seed=3).labels(range(40)), parameter_space()
    loss = PointLoss(pyface3d.MorphableModel.default(), space, landmarks=0.1, vertices=0.05, params=0.5)
    _, terms = loss(space.whiten(labels["params"]), labels)
    assert terms["params"] < 1e-8 and terms["vertices"] < 1e-4 and terms["landmarks"] < 5
    _, mean = loss(torch.zeros(40, 62), labels)
    assert mean["landmarks"] > 12
    hidden = {**labels, "landmark_weights": torch.zeros(40, 68)}
    assert loss(torch.zeros(40, 62), hidden)[1]["landmarks"] == 0
    half = {**labels, "has_params": torch.arange(40) < 20}
    first = loss(torch.zeros(20, 62), select(labels, range(20)))[1]
    torch.testing.assert_close(loss(torch.zeros(40, 62), half)[1]["params"], first["params"])


def test_weights_of_points_say_what_counts():
    space = parameter_space()
    loss = PointLoss(pyface3d.MorphableModel.default(), space, landmarks=1.0, penalty="l1", depth=0.25)
    labels = SyntheticFaces(seed=3).labels(range(2))
    whitened = space.whiten(labels["params"])
    exact = {"landmarks": labels["landmarks"].clone()}
    base = loss(whitened, exact)[0]
    exact["landmarks"][0, 5] += 100
    assert loss(whitened, exact)[0] > base + 0.5
    exact["landmark_weights"] = torch.ones(2, 68)
    exact["landmark_weights"][0, 5] = 0
    assert abs(float(loss(whitened, exact)[0] - base)) < 0.05


def test_recipes_by_steps():
    recipe = Recipe("adamw", 1e-3, 8, 1, steps=100, schedule="cosine", warmup_steps=10, sizes=((0, 48), (40, 120)))
    assert [recipe.side(step) for step in (0, 39, 40)] == [48, 48, 120]
    assert recipe.factor(9, 1) == 1 and recipe.factor(55, 1) == pytest.approx(0.5) and recipe.factor(100, 1) == 0
    with pytest.raises(ValueError, match="optimizer must be one of"):
        Recipe("adagrad", 1e-3, 8, 1)
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        Recipe("sgd", 0, 8, 1)


def test_processes_split_the_batch():
    assert [default_processes(*case) for case in ((128, 2), (128, 64), (6, 4), (7, 2))] == [2, 8, 3, 1]
    said = command("marn", ["D"], 1, {"arguments": {"backbone": "mobilenet_v2"}, "optimizer": "adamw", "bar": True})
    assert said == "pyface3d train marn --data D --seed 1 --argument 'backbone=\"mobilenet_v2\"' --set optimizer=adamw"


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


def test_samples_of_a_batch_are_chosen_with_every_key():
    batch = {"landmarks": torch.zeros(3, 68, 2), "landmark_count": torch.tensor([68, 21, 68]), "name": ["a", "b", "c"]}
    some = select(batch, batch["landmark_count"] == 68)
    assert some["name"] == ["a", "c"] and some["landmark_count"].tolist() == [68, 68]
