"""What happens beside the steps: checkpoints that survive anything, and averaged weights."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from pyface3d.atomic import PREFIX


class LastCheckpoint(lightning.Callback):
    """Keeps ``last.ckpt`` of a folder: written beside its place, then moved there, so that it is always whole.

    When the disk is full the old one stays, and training goes on with a warning.

    Args:
        folder: where ``last.ckpt`` is kept.
        also: called after each checkpoint in the first process, for example to write the weights.

    Example:
        >>> trainer = lightning.Trainer(callbacks=[LastCheckpoint("runs/marn")])  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike, also: Callable[[], None] | None = None):
        self.path, self.also = Path(folder) / "last.ckpt", also
        self._saved = -1

    def on_train_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save the end of the training."""
        self.save(trainer)

    def save(self, trainer: lightning.Trainer) -> None:
        """Write the checkpoint; all processes must call this."""
        if trainer.global_step == self._saved:
            return
        # two trainings in one folder do not write into each other's file; `sweep` knows the prefix
        part = self.path.with_name(f"{PREFIX}{os.getpid()}-{self.path.name}")
        try:
            trainer.save_checkpoint(part)
            if trainer.is_global_zero:
                os.replace(part, self.path)
                if self.also is not None:
                    self.also()
            self._saved = trainer.global_step
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            what = f"training: no checkpoint at step {trainer.global_step}"
            warnings.warn(f"{what} ({error}); the last {self.path} stays", stacklevel=1)


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
    real = [name for name, tensor in state.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in real], [state[name].to(average[name]) for name in real], 1 - keep)
    for name in state.keys() - set(real):
        average[name].copy_(state[name])
