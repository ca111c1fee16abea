"""Training as a library call: resume, checkpoints, workers, processes, mixtures."""

import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

import pyface3d
from pyface3d.data import CroppedFaces, Tolerant
from pyface3d.methods import Recipe
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.parameter_method import ParameterMethod
from pyface3d.training import MovingAverage, StepLoader, StepSampler, train
from pyface3d.training.batches import Mixed
from pyface3d.training.log import read_rows
from pyface3d.training.module import MethodModule, shortened

SCRIPT = Path(__file__).with_name("small_training.py")


class Faces(Dataset):
    """Random pictures whose color tells the translation; ``landmarks=True`` labels nothing else."""

    def __init__(self, count: int = 64, landmarks: bool = False, deadly: str | None = None):
        stream = torch.Generator().manual_seed(count)
        self.offsets = torch.rand(count, 2, generator=stream)
        self.landmarks, self.deadly = landmarks, deadly

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int):
        if self.deadly and index == 3 and not os.path.exists(self.deadly):
            Path(self.deadly).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        x, y = self.offsets[index].tolist()
        image = torch.zeros(3, 16, 16, dtype=torch.uint8)
        image[0], image[1] = int(255 * x), int(255 * y)
        if self.landmarks:
            points = torch.tensor([[16 * x, 16 * y]]).expand(21, 2)
            return {"image": image, "landmarks": points, "visible": torch.ones(21, dtype=torch.bool)}
        params = torch.zeros(12 + 3)
        params[0] = params[5] = params[10] = 0.5
        params[3], params[7] = 16 * x, 16 * y
        return {"image": image, "params": params}


class Tiny(ParameterMethod):
    """Two linear layers on 16x16 pictures, with a BatchNorm."""

    name = "tiny"
    recipe = Recipe("sgd", 0.05, 8, 4, milestones=(2,), gamma=0.5, gradient_clip=5.0)

    def __init__(self):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(768, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 15))
        super().__init__(network, pyface3d.MorphableModel.default().truncated(2, 1), None, ImageFormat(16), {})

    def build_criterion(self) -> nn.Module:
        return pyface3d.losses.PDCLoss(self.space)


def environment() -> dict[str, str]:
    """Where a process of its own finds the package that is tested."""
    return {**os.environ, "PYTHONPATH": str(Path(pyface3d.__file__).parents[1])}


def weights(method) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in method.network.state_dict().values() if p.is_floating_point()])


def quiet(**options):
    return {"bar": False, "workers": 0, "log_every": 1, **options}


def recipe(**changes) -> Recipe:
    return replace(Tiny.recipe, **changes)


def losses(folder: Path) -> list[float]:
    return [float(row["loss"]) for row in read_rows(folder / "metrics.csv")]


def test_the_loss_falls_and_the_folder_tells(tmp_path):
    train(Tiny(), Faces(), tmp_path, **quiet())
    curve = losses(tmp_path)
    assert len(curve) == 32 and sum(curve[-4:]) < 0.5 * sum(curve[:4])
    assert (tmp_path / "last.ckpt").exists()


def test_rates_follow_the_recipe():
    module = MethodModule(Tiny(), steps_per_epoch=10)
    setup = module.configure_optimizers()
    rates = []
    for _ in range(30):
        rates.append(setup["optimizer"].param_groups[0]["lr"])
        setup["optimizer"].step()
        setup["lr_scheduler"]["scheduler"].step()
    assert rates[0] == 0.05 and rates[19] == 0.05 and rates[20] == 0.025
    assert shortened(Tiny.recipe, 2).milestones == (1,)


def test_resumed_training_has_the_same_bits(tmp_path):
    whole = train(Tiny(), Faces(), tmp_path / "whole", **quiet(recipe=recipe(ema=0.9)))
    train(
        Tiny(), Faces(), tmp_path / "parts", **quiet(recipe=recipe(ema=0.9, steps=13))
    )  # in the middle of the second epoch
    resumed = train(Tiny(), Faces(), tmp_path / "parts", **quiet(recipe=recipe(ema=0.9)))
    assert torch.equal(weights(whole), weights(resumed))


def test_killed_training_resumes_with_the_same_bits(tmp_path):
    def run(folder: str, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path / folder), *arguments], env=environment())

    assert run("whole").wait(300) == 0
    victim = run("parts", "--slow")
    checkpoint = tmp_path / "parts" / "last.ckpt"
    end = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(60) == -signal.SIGKILL
    assert run("parts").wait(300) == 0
    whole, parts = (torch.load(tmp_path / name / "weights.pt", weights_only=True) for name in ("whole", "parts"))
    assert torch.equal(whole, parts)


def test_full_disk_keeps_the_previous_checkpoint(tmp_path):
    train(Tiny(), Faces(), tmp_path, **quiet(steps=4))
    kept = (tmp_path / "last.ckpt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the checkpoint is larger: as on a full disk
    try:
        with pytest.warns(UserWarning, match="last.ckpt stays"):
            train(Tiny(), Faces(), tmp_path, **quiet(steps=8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "last.ckpt").read_bytes() == kept
    assert not list(tmp_path.glob("*.part"))
    resumed = train(Tiny(), Faces(), tmp_path, **quiet(steps=8))
    assert torch.equal(weights(resumed), weights(train(Tiny(), Faces(), tmp_path / "other", **quiet(steps=8))))


def test_a_dead_worker_is_replaced(tmp_path):
    sampler = StepSampler([64], [8], seed=0, steps=8)
    whole = [batch["params"] for batch in StepLoader([Faces()], sampler)]
    with pytest.warns(UserWarning, match="a worker died"):
        loader = StepLoader([Faces(deadly=str(tmp_path / "died"))], sampler, workers=1)
        patched = [batch["params"] for batch in loader]
    assert torch.equal(torch.stack(patched), torch.stack(whole))


def test_corrupt_images_are_passed_over_and_named(tmp_path):
    """One picture of twenty is cut short, in a zip read by a worker: the training sees whole batches all the same."""
    pixels = np.random.default_rng(0).integers(0, 255, (80, 16, 16, 3), np.uint8)
    with zipfile.ZipFile(tmp_path / "crops.zip", "w") as archive:
        for index, picture in enumerate(pixels):
            code = cv2.imencode(".png", picture)[1].tobytes()
            archive.writestr(f"face{index:02d}.png", code if index % 20 else code[: len(code) // 2])
    table = {"names": np.array([f"face{k:02d}" for k in range(80)]), "pts21": np.full((80, 2, 21), 8, np.float32)}
    np.savez(tmp_path / "table.npz", **table, roi_box=np.tile(np.float32([0, 0, 16, 16]), (80, 1)))
    faces = Tolerant(CroppedFaces(tmp_path / "table.npz", tmp_path / "crops.zip"))
    train(Tiny(), faces, tmp_path / "run", **quiet(epochs=1, workers=1))
    assert len(losses(tmp_path / "run")) == 10
    report = faces.report()
    assert set(report.refused) == {"face00", "face20", "face40", "face60"} and "4 refused" in str(report)


def test_mixed_sets_are_asked_in_batches():
    class Batched(Faces):
        def __getitems__(self, indices):
            asked.append(list(indices))
            return [self[index] for index in indices]

    asked: list[list[int]] = []
    mixed = Mixed([Batched(4), Faces(4, landmarks=True), Batched(4)])
    samples = mixed.__getitems__([9, 0, 5, 3])
    assert asked == [[0, 3], [1]]
    assert ["params" in sample for sample in samples] == [True, True, False, True]
    assert torch.equal(samples[0]["image"], mixed.datasets[2][1]["image"])


def test_landmarks_alone_and_mixed_with_parameters(tmp_path):
    method = train(Tiny(), Faces(landmarks=True), tmp_path / "alone", **quiet(epochs=8))
    curve = losses(tmp_path / "alone")
    assert sum(curve[-4:]) < 0.7 * sum(curve[:4])
    mixed = {Faces(): 3.0, Faces(48, landmarks=True): 1.0}
    train(method, mixed, tmp_path / "mixed", **quiet(epochs=1))
    header = (tmp_path / "mixed" / "metrics.csv").read_text().splitlines()[0]
    assert "prior" in header.split(",") and "parameters" in header.split(",")


def test_moving_average_is_what_the_method_gets(tmp_path):
    plain = train(Tiny(), Faces(), tmp_path / "plain", **quiet(steps=6))
    averaged = train(Tiny(), Faces(), tmp_path / "ema", **quiet(steps=6, recipe=recipe(ema=0.9)))
    assert not torch.equal(weights(plain), weights(averaged))
    callback = MovingAverage(0.5)
    callback.average = {"a": torch.zeros(1)}
    fake = type("Module", (), {"method": type("Method", (), {"network": _State(torch.ones(1))})})
    for _ in range(20):
        callback.on_train_batch_end(None, fake)
    assert callback.average["a"].item() == pytest.approx(1.0, abs=1e-4)


class _State:
    def __init__(self, value: torch.Tensor):
        self.value = value

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"a": self.value}


def test_sets_that_are_too_small_are_refused(tmp_path):
    with pytest.raises(ValueError, match="use smaller batches"):
        train(Tiny(), Faces(4), tmp_path, **quiet())


def test_a_loss_that_is_not_finite_stops(tmp_path):
    method = Tiny()
    method.network[4].bias.data[0] = float("nan")
    with pytest.raises(FloatingPointError, match="step 0"):
        train(method, Faces(), tmp_path, **quiet(steps=2))


def test_two_processes_follow_the_curve_of_one(tmp_path):
    """BatchNorm apart, whose statistics belong to a process: it is frozen here."""
    for name, devices in (("one", 1), ("two", 2)):
        command = [sys.executable, str(SCRIPT), str(tmp_path / name), "--devices", str(devices)]
        assert subprocess.run(command, timeout=300, env=environment()).returncode == 0
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) > 10
    torch.testing.assert_close(torch.tensor(two), torch.tensor(one), atol=1e-4, rtol=1e-4)
