"""How a method is trained: plain data, with the source of each number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPTIMIZERS, SCHEDULES = ("sgd", "adam", "adamw"), ("milestones", "constant", "linear", "cosine")

_MAY_BE_NONE = ("gradient_clip", "steps", "decay_steps", "ema", "norm_momentum")
_NUMBERS = (
    "learning_rate", "batch_size", "epochs", "momentum", "weight_decay", "gamma", "warmup_epochs", "warmup_factor",
    "warmup_steps", "head_samples", *_MAY_BE_NONE,
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Optimizer, schedule and batch of one training run.

    A schedule of "milestones" counts epochs, as the papers do; the others count steps.

    Attributes:
        optimizer: "sgd", "adam", or "adamw", whose decay leaves out biases and the scales of norms.
        learning_rate: rate after the warm-up.
        batch_size: samples in a batch.
        epochs: passes over the training set.
        steps: length in steps, in place of ``epochs``.
        schedule: "milestones", "constant", "linear" or "cosine" (down to zero).
        momentum: of SGD.
        nesterov: Nesterov's variant of SGD.
        betas: of Adam and AdamW.
        weight_decay: L2 on the weights; decoupled with "adamw".
        milestones: epochs after which the rate is multiplied by ``gamma``.
        gamma: see ``milestones``.
        warmup_epochs: epochs at ``warmup_factor`` of the rate, from the start.
        warmup_factor: see ``warmup_epochs``.
        warmup_steps: steps in which the rate rises from zero, for schedules by steps.
        decay_steps: last steps, in which "linear" or "cosine" goes down; None: all after the warm-up.
        gradient_clip: largest norm of the gradient; None: no limit.
        sizes: (step, side) pairs: from which step on the network sees pictures of which side; none: its own size.
        ema: decay of averaged weights, which the method gets at the end; None: none.
        norm_momentum: of BatchNorm's running statistics; None: torch's 0.1.
        freeze_norm: BatchNorm keeps its statistics (fine-tuning; batches of a sample or two for each process).
        head_samples: solve a linear head for so many samples in closed form before the first step; 0: do not.
        objective: arguments of :class:`pyface3d.losses.PointLoss`, to train by it in place of the method's own loss.
        data: training sets.
        sources: field name to where its value comes from; "default" marks our own choice.

    Raises:
        ValueError: an unknown optimizer or schedule, or a number that makes no sense.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    milestones: tuple[int, ...] = ()
    gamma: float = 0.2
    warmup_epochs: int = 0
    warmup_factor: float = 0.2
    gradient_clip: float | None = None
    steps: int | None = None
    schedule: str = "milestones"
    betas: tuple[float, float] = (0.9, 0.999)
    warmup_steps: int = 0
    decay_steps: int | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    ema: float | None = None
    norm_momentum: float | None = None
    freeze_norm: bool = False
    head_samples: int = 0
    objective: Mapping[str, Any] | None = None
    data: tuple[str, ...] = ("300W-LP",)
    sources: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if not (value is None and name in _MAY_BE_NONE) and not _is_number(value):
                raise ValueError(f"Recipe: {name} must be a finite number, got {value!r}")
        for name in ("milestones", "betas"):
            if not all(map(_is_number, getattr(self, name))):
                raise ValueError(f"Recipe: {name} must be finite numbers, got {getattr(self, name)!r}")
        for name, value, known in (("optimizer", self.optimizer, OPTIMIZERS), ("schedule", self.schedule, SCHEDULES)):
            if value not in known:
                raise ValueError(f"Recipe: {name} must be one of {', '.join(known)}, got {value!r}")
        for name in ("learning_rate", "batch_size", "epochs"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Recipe: {name} must be positive, got {getattr(self, name)}")
        for name in ("weight_decay", "warmup_steps", "warmup_epochs"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Recipe: {name} must not be negative, got {getattr(self, name)}")
        for name in ("ema", "norm_momentum"):
            if getattr(self, name) is not None and not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"Recipe: {name} must be within 0..1, got {getattr(self, name)}")

    def total(self, steps_per_epoch: int) -> int:
        """Steps of the whole training."""
        return self.epochs * steps_per_epoch if self.steps is None else self.steps

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate of a step, counted from 0, as a share of ``learning_rate``.

        Example:
            >>> recipe = Recipe("adamw", 1e-3, 8, 1, steps=100, schedule="linear", warmup_steps=10, decay_steps=50)
            >>> recipe.factor(4, 1000), recipe.factor(50, 1000), recipe.factor(75, 1000)
            (0.5, 1.0, 0.5)
        """
        if self.schedule == "milestones":
            return self.rate(step // steps_per_epoch) / self.learning_rate
        rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.schedule == "constant":
            return rise
        total = self.total(steps_per_epoch)
        descent = total - self.warmup_steps if self.decay_steps is None else self.decay_steps
        left = min(1.0, max(0, total - step) / max(1, descent))
        return rise * (left if self.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)

    def side(self, step: int) -> int | None:
        """Side of the pictures that the network sees at a step; None: its own."""
        return next((side for start, side in sorted(self.sizes, reverse=True) if step >= start), None)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0.

        Example:
            >>> Recipe("sgd", 0.1, 8, 50, milestones=(30, 40), gamma=0.5).rate(35)
            0.05
        """
        if epoch < self.warmup_epochs:
            return self.learning_rate * self.warmup_factor
        return self.learning_rate * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
