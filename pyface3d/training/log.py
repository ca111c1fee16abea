"""The account of a training: rows of ``metrics.csv``, the bar, and when to save and stop, the same in all processes."""

import csv
import errno
import io
import math
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning
from torch import Tensor
from torch import distributed as dist

from pyface3d.atomic import write_whole
from pyface3d.training.callbacks import LastCheckpoint

FIXED = ("step", "seconds", "pictures_per_second", "rate", "loss")


class TrainingLog(lightning.Callback):
    """Averages the terms of the loss over a few steps, writes and shows them, saves and stops by the clock.

    A resumed training appends to the rows that belong to its checkpoint; ``step`` and ``seconds`` are totals.

    Args:
        folder: for ``metrics.csv``.
        total: steps of the training.
        batch_size: pictures of a step, of all processes.
        checkpoint: what saves.
        every: steps between rows. Clocks are looked at then.
        save_minutes: between checkpoints.
        max_minutes: after which this call ends; None: never.
        bar: show a bar on standard error, if that is a terminal.

    Attributes:
        step: the step that the training is at.
        steps: steps of this call, without the first, which warms up.
        elapsed: seconds that these took.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        total: int,
        batch_size: int,
        checkpoint: LastCheckpoint,
        *,
        every: int = 10,
        save_minutes: float = 5.0,
        max_minutes: float | None = None,
        bar: bool = True,
    ):
        self.path, self.total, self.batch_size = Path(folder) / "metrics.csv", total, batch_size
        self.checkpoint, self.every, self.save_seconds = checkpoint, every, 60 * save_minutes
        self.max_seconds = math.inf if max_minutes is None else 60 * max_minutes
        self.show = bar
        self.step, self.steps, self.elapsed, self.before = 0, -1, 0.0, 0.0
        self._sums: dict[str, tuple[Tensor, int]] = {}
        self._bar: Any = None
        self._columns: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"seconds": self.before + self.elapsed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.before = state["seconds"]

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Start the clocks, and drop rows that were written after the checkpoint."""
        self.step = trainer.global_step
        self._began = self._saved = self._first = time.monotonic()
        if not trainer.is_global_zero:
            return
        rows = [row for row in read_rows(self.path) if int(row["step"]) <= self.step] if self.step else []
        self._columns = list(rows[0]) if rows else []
        if rows or self.path.exists():
            self._write(rows)
        if self.show and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, initial=self.step, unit="step", dynamic_ncols=True)

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        """Take the step's terms in; every few steps look at the clocks."""
        self.step, self.steps = trainer.global_step, self.steps + 1
        now = time.monotonic()
        if self.steps == 0:
            self._first = now
        self.elapsed = now - self._first
        for name, value in module.terms.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (value.detach() + total, count + 1)
        if self._bar is not None:
            self._bar.update(self.step - self._bar.n)
        if self.step % self.every == 0 or self.step == self.total or self.steps == 0:
            self._look(trainer, module, now)

    def on_train_end(self, *_: Any) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def _look(self, trainer: lightning.Trainer, module: Any, now: float) -> None:
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        stop, save = now - self._began >= self.max_seconds, now - self._saved >= self.save_seconds
        told = gather((means, stop, save))
        if trainer.is_global_zero:
            self._row(mean_terms([terms for terms, _, _ in told]), trainer)
        if any(save for _, _, save in told):
            self.checkpoint.save(trainer)
            self._saved = time.monotonic()
        if any(stop for _, stop, _ in told):
            trainer.should_stop = True

    def _row(self, terms: dict[str, float], trainer: lightning.Trainer) -> None:
        values = {"step": str(self.step), "seconds": f"{self.before + self.elapsed:.1f}"}
        values |= {"pictures_per_second": f"{self.pictures_per_second:.1f}"}
        values |= {"rate": f"{trainer.optimizers[0].param_groups[0]['lr']:.4g}"}
        values |= {name: f"{value:.6g}" for name, value in terms.items()}
        try:
            self._add(values)
        except OSError as error:
            warnings.warn(f"training: no row of step {self.step} in {self.path} ({error})", stacklevel=1)
        if self._bar is not None:
            shown = " ".join(f"{name} {value:.4g}" for name, value in terms.items())
            self._bar.set_postfix_str(f"{shown} | {self.pictures_per_second:.0f} pictures/s")

    def _add(self, values: dict[str, str]) -> None:
        """Adds a row: all of it or, where the disk is full, nothing."""
        if new := [name for name in (*FIXED, *values) if name not in self._columns]:
            rows, columns = read_rows(self.path), self._columns
            self._columns = [*columns, *dict.fromkeys(new)]
            try:
                self._write([*rows, values])
            except OSError:
                self._columns = columns
                raise
            return
        text = io.StringIO()
        csv.DictWriter(text, self._columns).writerow(values)
        row = text.getvalue().encode()
        with open(self.path, "ab", buffering=0) as file:
            before = file.tell()
            written = file.write(row)
            if written != len(row):
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _write(self, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, text.getvalue().encode())

    @property
    def pictures_per_second(self) -> float:
        """Of this call; zero before the second step."""
        return self.steps * self.batch_size / self.elapsed if self.elapsed > 0 else 0.0


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a ``metrics.csv``; none where there is no such file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def gather(value: Any) -> list[Any]:
    """What each process has."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return [value]
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, value)
    return everyone


def mean_terms(parts: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each term over the processes that have it."""
    names = dict.fromkeys(name for part in parts for name in part)
    found = {name: [part[name] for part in parts if name in part] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}
