"""Rows of ``metrics.csv`` and checkpoints where the disk is full, or another training writes into the same folder."""

import os
import resource
import time
from types import SimpleNamespace

import pytest
import torch

from pyface3d.atomic import ABANDONED, sweep
from pyface3d.training.callbacks import LastCheckpoint
from pyface3d.training.log import TrainingLog, read_rows


@pytest.fixture
def step():
    """Runs one step of a training and its row; with ``most`` no file may become larger."""
    trainer = SimpleNamespace(
        global_step=0, is_global_zero=True, optimizers=[SimpleNamespace(param_groups=[{"lr": 0.5}])]
    )

    def run(log, most=resource.RLIM_INFINITY, **terms):
        trainer.global_step += 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        try:
            module = SimpleNamespace(terms={name: torch.tensor(value) for name, value in terms.items()})
            log.on_train_batch_end(trainer, module)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def start(folder):
        log = TrainingLog(folder, 100, 8, LastCheckpoint(folder), every=1, bar=False)
        log.on_train_start(trainer)
        return log

    return SimpleNamespace(run=run, start=start)


def test_a_row_is_whole_or_not_there(step, tmp_path):
    log, path = step.start(tmp_path), tmp_path / "metrics.csv"
    step.run(log, loss=2.0)
    step.run(log, loss=1.0)
    before = path.read_bytes()
    for more in (0, 1, 7):
        with pytest.warns(UserWarning, match=r"no row of step \d+ in .*metrics.csv"):
            step.run(log, len(before) + more, loss=0.5)
        assert path.read_bytes() == before
    with pytest.warns(UserWarning, match="no row of step"):  # a new column writes the file anew
        step.run(log, len(before), loss=0.5, wing=3.0)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    step.run(log, loss=0.25, wing=2.0)
    assert [(row["step"], row["loss"], row["wing"]) for row in read_rows(path)] == [
        ("1", "2", ""), ("2", "1", ""), ("7", "0.25", "2"),
    ]  # fmt: skip


def test_two_trainings_in_one_folder_write_checkpoints_of_their_own(tmp_path, monkeypatch):
    written = []

    def save(path):
        written.append(path)
        path.write_bytes(b"checkpoint")

    trainer = SimpleNamespace(global_step=3, save_checkpoint=save, is_global_zero=True)
    LastCheckpoint(tmp_path).save(trainer)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    LastCheckpoint(tmp_path).save(trainer)
    assert written[0] != written[1] and [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    written[0].write_bytes(b"half")  # of a process that was killed
    os.utime(written[0], (time.time() - 2 * ABANDONED,) * 2)
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
