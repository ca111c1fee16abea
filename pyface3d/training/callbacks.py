"""What happens beside the steps: checkpoints that survive anything, averaged weights, a report of the speed."""

import os
import time
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn


class LastCheckpoint(lightning.Callback):
    """Keeps ``last.ckpt`` of a folder: written beside its place, then moved there, so that it is always whole.

    When the disk is full the old one stays, and training goes on with a warning.

    Args:
        folder: where ``last.ckpt`` is kept.
        every: steps between two checkpoints.

    Example:
        >>> trainer = lightning.Trainer(callbacks=[LastCheckpoint("runs/marn", every=500)])  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike, every: int):
        self.path, self.every = Path(folder) / "last.ckpt", every
        self._saved = -1

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save every so many steps."""
        if trainer.global_step % self.every == 0:
            self.save(trainer)

    def on_train_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save the end of the training."""
        self.save(trainer)

    def save(self, trainer: lightning.Trainer) -> None:
        """Write the checkpoint; all processes must call this."""
        if trainer.global_step == self._saved:
            return
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                os.replace(part, self.path)
            self._saved = trainer.global_step
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            step = trainer.global_step
            warnings.warn(f"training: no checkpoint at step {step} ({error}); the last one stays", stacklevel=1)


class MovingAverage(lightning.Callback):
    """Exponential moving average of the network's weights and statistics.

    It follows quickly at first: after n steps the factor is at most (1 + n) / (10 + n).

    Args:
        decay: share of the average that a step keeps.
    """

    def __init__(self, decay: float = 0.999):
        self.decay, self.steps = decay, 0
        self.average: dict[str, Tensor] = {}

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Any, *_: Any) -> None:
        """Take the step's weights in."""
        state = module.method.network.state_dict()
        if not self.average:
            self.average = {name: tensor.detach().clone() for name, tensor in state.items()}
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        blend(self.average, state, keep)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"average": self.average, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.average, self.steps = state["average"], state["steps"]

    def apply(self, network: nn.Module) -> None:
        """Put the average into a network."""
        network.load_state_dict(self.average)


@torch.no_grad()
def blend(average: dict[str, Tensor], state: dict[str, Tensor], keep: float) -> None:
    """Move an average towards a state, in place; counters are copied."""
    for name, tensor in state.items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor.to(average[name]), 1 - keep)
        else:
            average[name].copy_(tensor)


class StepRate(lightning.Callback):
    """Steps per second, and the share of the time that is spent in steps, not waiting for data.

    Attributes:
        steps: counted steps.
        seconds: wall time of these.
        busy: seconds of it inside steps.
    """

    def __init__(self) -> None:
        self.steps, self.busy = 0, 0.0
        self._first: float | None = None
        self._last = self._started = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        """Start the clock of a step; the first one, which warms up, is not counted."""
        self._started = time.perf_counter()
        if self._first is None:
            self._first, self.steps = self._started, -1

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop the clock of a step."""
        self._last = time.perf_counter()
        self.steps += 1
        if self.steps == 0:
            self._first = self._last
        else:
            self.busy += self._last - self._started

    @property
    def seconds(self) -> float:
        """Wall time of the counted steps."""
        return self._last - (self._first or self._last)

    def __str__(self) -> str:
        if self.steps < 1:
            return "no steps measured"
        rate, share = self.steps / self.seconds, self.busy / self.seconds
        return f"{rate:.2f} steps/s, {100 * share:.1f} % of the time in steps"
