"""``train``: a method, data and a folder; everything else comes from the method's recipe."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
from torch.utils.data import Dataset

from pyface3d.atomic import sweep
from pyface3d.methods import Method, Recipe
from pyface3d.training.batches import StepLoader, StepSampler
from pyface3d.training.callbacks import LastCheckpoint, MovingAverage
from pyface3d.training.head import regress_head
from pyface3d.training.log import TrainingLog
from pyface3d.training.module import MethodModule, shortened
from pyface3d.training.start import start_from


class Batches(lightning.LightningDataModule):
    """Gives Lightning the batches of the step that it is at."""

    def __init__(self, sets: Sequence[Dataset], shares: Sequence[int], seed: int, steps: int, workers: int):
        super().__init__()
        self.sets, self.shares, self.seed, self.steps, self.workers = sets, shares, seed, steps, workers

    def train_dataloader(self) -> StepLoader:
        """The loader from the trainer's step on, for this process."""
        trainer = self.trainer
        assert trainer is not None
        sizes = [len(data) for data in self.sets]  # type: ignore[arg-type]
        rank, world = trainer.global_rank, trainer.world_size
        sampler = StepSampler(sizes, self.shares, self.seed, self.steps, rank, world)
        return StepLoader(self.sets, sampler, self.workers, lambda: trainer.global_step)


def train(
    method: Method,
    data: Dataset | Mapping[Dataset, float] | Sequence[Dataset],
    folder: str | os.PathLike,
    *,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    workers: int = 2,
    augment: Any = None,
    start: str | os.PathLike | None = None,
    save_minutes: float = 5.0,
    max_minutes: float | None = None,
    log_every: int = 10,
    bar: bool = True,
    resume: bool = True,
    on_save: Callable[[Method], None] | None = None,
    report: dict[str, Any] | None = None,
    **trainer: Any,
) -> Method:
    """Trains a method by its own loss and recipe, and resumes where an earlier call on the folder stopped.

    Everything random comes from ``seed`` and the number of the step: a training that was killed and resumed ends with
    the same weights as one that was not, on a CPU with the same number of threads to the last bit.

    Args:
        method: from :func:`pyface3d.create_method`; it is changed.
        data: a data set, several in equal shares of each batch, or a mapping from sets to shares. An epoch is a pass
            over the first one.
        folder: for ``last.ckpt`` and ``metrics.csv``.
        recipe: optimizer, schedule, picture sizes, averaged weights, objective; None: the method's own.
        epochs: passes; None: the recipe's. The recipe's milestones keep their share of the training.
        steps: length of the training in place of epochs; a schedule by steps is fitted to it, milestones are not.
        batch_size: samples of a step over all processes; None: the recipe's.
        seed: of order, augmentation and everything random in a step.
        workers: processes that read data.
        augment: changes a batch: (batch, generator, side of the pictures or None) -> batch.
        start: weight file to start from, see :func:`start_from`; not used when a training is resumed.
        save_minutes: between checkpoints; looked at with each row of the log.
        max_minutes: ends this call after so long, with a checkpoint.
        log_every: steps between two rows of ``metrics.csv``.
        bar: show a bar with losses and rate, where standard error is a terminal.
        resume: go on from ``last.ckpt`` of the folder, if there is one.
        on_save: called with the method, average weights in place, after each checkpoint (in the first process).
        report: gets ``step``, ``pictures_per_second`` and ``start``.
        trainer: arguments of ``lightning.Trainer`` (``devices``, ``strategy``, ``precision``, ``logger``, ...).

    Returns:
        The trained method, in eval mode.

    Raises:
        ValueError: a set is smaller than its share of a batch, or the batch cannot be split over the processes.
        FloatingPointError: the loss is not finite; the sentence names sample, set and term.

    Example:
        >>> method = pyface3d.create_method("mobile_frnet", space=parameter_space())  # doctest: +SKIP
        >>> train(method, SyntheticFaces(seed=1), "runs/frnet", epochs=1)  # doctest: +SKIP
    """
    for name, own in _NAMED_OTHERWISE.items():
        if name in trainer:
            raise ValueError(f"train: {name} of Lightning's trainer is {own} here")
    for name, minutes in (("save_minutes", save_minutes), ("max_minutes", 0 if max_minutes is None else max_minutes)):
        if not isinstance(minutes, (int, float)) or not minutes >= 0:  # NaN is neither
            raise ValueError(f"train: {name} must be a number of at least 0, got {minutes!r}")
    recipe = _recipe(recipe or method.recipe, epochs, steps, batch_size)
    sets, shares = _shares(data, recipe.batch_size)
    samples = len(sets[0])  # type: ignore[arg-type]  # torch's Dataset declares no length
    steps_per_epoch = samples // shares[0]
    if steps_per_epoch == 0:
        raise ValueError(f"train: a batch takes {shares[0]} samples of a set of {samples}; use smaller batches")
    total, folder = recipe.total(steps_per_epoch), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    last = folder / "last.ckpt"
    again = resume and last.exists()
    started = start_from(method, start) if start is not None and not again else None
    if recipe.head_samples and not again:
        sizes = [len(data) for data in sets]  # type: ignore[arg-type]
        regress_head(method, StepLoader(sets, StepSampler(sizes, shares, seed, -(-recipe.head_samples // sum(shares)))))
    module = MethodModule(method, steps_per_epoch, seed=seed, augment=augment, recipe=recipe)
    average = MovingAverage(recipe.ema) if recipe.ema else None
    checkpoint = LastCheckpoint(folder, None if on_save is None else lambda: _averaged(method, average, on_save))
    log = TrainingLog(
        folder, total, recipe.batch_size, checkpoint,
        every=log_every, save_minutes=save_minutes, max_minutes=max_minutes, bar=bar,
    )  # fmt: skip
    callbacks = [*([average] if average else []), log, checkpoint, *trainer.pop("callbacks", [])]
    with _without_remarks():
        loop = lightning.Trainer(
            max_steps=total,
            callbacks=callbacks,
            gradient_clip_val=recipe.gradient_clip,
            **{**_DEFAULTS, **_processes(), **trainer},  # type: ignore[arg-type]
        )
        if sum(shares) % loop.world_size:
            raise ValueError(f"train: a batch of {sum(shares)} cannot be split over {loop.world_size} processes")
        batches = Batches(sets, shares, seed, total, workers)
        loop.fit(module, datamodule=batches, ckpt_path=str(last) if again else None, weights_only=True)
    if average is not None and average.average:
        average.apply(method.network)
    if report is not None:
        report |= {"step": log.step, "pictures_per_second": log.pictures_per_second, "start": started and str(started)}
    return method.eval()


_NAMED_OTHERWISE = {
    "max_steps": "steps", "max_epochs": "epochs", "max_time": "max_minutes",
    "gradient_clip_val": "gradient_clip of the recipe",
}  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "accelerator": "auto",
    "devices": 1,
    "logger": False,  # metrics.csv is ours: it is appended to when a training is resumed
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "use_distributed_sampler": False,
    "num_sanity_val_steps": 0,
}


def _recipe(recipe: Recipe, epochs: int | None, steps: int | None, batch_size: int | None) -> Recipe:
    recipe = recipe if epochs is None else replace(shortened(recipe, epochs), steps=None)
    recipe = recipe if steps is None else replace(recipe, steps=steps)
    return recipe if batch_size is None else replace(recipe, batch_size=batch_size)


def _averaged(method: Method, average: MovingAverage | None, tell: Callable[[Method], None]) -> None:
    """Calls ``tell`` with the averaged weights in the network."""
    if average is None or not average.average:
        tell(method)
        return
    own = {name: tensor.clone() for name, tensor in method.network.state_dict().items()}
    average.apply(method.network)
    try:
        tell(method)
    finally:
        method.network.load_state_dict(own)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Keeps Lightning's lines about devices, products and loaders to itself."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [log.level for log in logs]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        for log in logs:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(logs, levels):
                log.setLevel(level)


def _processes() -> dict[str, int]:
    """What the Trainer must know of the processes that torchrun or :mod:`launch` started; nothing without them."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return {}
    local, everywhere = (int(os.environ[name]) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    return {"devices": local, "num_nodes": everywhere // local}


def _shares(data: Any, batch_size: int) -> tuple[list[Dataset], list[int]]:
    """Sets, and how many samples of a batch come from each."""
    if isinstance(data, Mapping):
        sets, weights = list(data), [float(weight) for weight in data.values()]
    else:
        sets = list(data) if isinstance(data, list | tuple) else [data]
        weights = [1.0] * len(sets)
    shares = [round(batch_size * weight / sum(weights)) for weight in weights]
    shares[0] += batch_size - sum(shares)
    return sets, shares
