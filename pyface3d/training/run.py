"""``train``: a method, data and a folder; everything else comes from the method's recipe."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only
from torch.utils.data import Dataset

from pyface3d.camera import ParameterSpace
from pyface3d.data import Augment
from pyface3d.data.synthetic import parameter_space
from pyface3d.methods import Method, create_method, save_weights
from pyface3d.training.batches import StepLoader, StepSampler
from pyface3d.training.callbacks import LastCheckpoint, MovingAverage, StepRate
from pyface3d.training.module import MethodModule, shortened
from pyface3d.training.sources import open_source


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
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    workers: int = 2,
    augment: Any = None,
    ema: float | None = None,
    save_every: int = 500,
    resume: bool = True,
    freeze_norm: bool = False,
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
        epochs: passes; None: the recipe's. The recipe's milestones keep their share of the training.
        steps: ends the training early, whatever the epochs.
        batch_size: samples of a step over all processes; None: the recipe's.
        seed: of order, augmentation and everything random in a step.
        workers: processes that read data.
        augment: changes a batch: (batch, generator) -> batch.
        ema: decay of averaged weights, which the method then gets at the end; None: none.
        save_every: steps between checkpoints.
        resume: go on from ``last.ckpt`` of the folder, if there is one.
        freeze_norm: keep BatchNorm's statistics.
        trainer: arguments of ``lightning.Trainer`` (``devices``, ``strategy``, ``precision``, ``logger``, ...).

    Returns:
        The trained method, in eval mode.

    Raises:
        ValueError: a set is smaller than its share of a batch, or the batch cannot be split over the processes.
        FloatingPointError: the loss is not finite.

    Example:
        >>> method = pyface3d.create_method("mobile_frnet", space=parameter_space())  # doctest: +SKIP
        >>> train(method, SyntheticFaces(seed=1), "runs/frnet", epochs=1)  # doctest: +SKIP
    """
    sets, shares = _shares(data, batch_size or method.recipe.batch_size)
    samples = len(sets[0])  # type: ignore[arg-type]  # torch's Dataset declares no length
    steps_per_epoch = samples // shares[0]
    if steps_per_epoch == 0:
        raise ValueError(f"train: a batch takes {shares[0]} samples of a set of {samples}; use smaller batches")
    recipe = method.recipe if epochs is None else shortened(method.recipe, epochs)
    total = min(steps or math.inf, recipe.epochs * steps_per_epoch)
    module = MethodModule(method, steps_per_epoch, seed=seed, augment=augment, recipe=recipe, freeze_norm=freeze_norm)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rate, average = StepRate(), MovingAverage(ema) if ema else None
    callbacks = [LastCheckpoint(folder, save_every), rate, *trainer.pop("callbacks", [])]
    callbacks += [average] if average else []
    options = {"logger": CSVLogger(folder, name=None, version=""), "enable_model_summary": False, "accelerator": "auto"}
    loop = lightning.Trainer(
        max_steps=int(total),
        callbacks=callbacks,
        gradient_clip_val=recipe.gradient_clip,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **{**options, **_processes(), **trainer},
    )
    if sum(shares) % loop.world_size:
        raise ValueError(f"train: a batch of {sum(shares)} cannot be split over {loop.world_size} processes")
    last = folder / "last.ckpt"
    batches = Batches(sets, shares, seed, int(total), workers)
    loop.fit(module, datamodule=batches, ckpt_path=str(last) if resume and last.exists() else None)
    if average is not None and average.average:
        average.apply(method.network)
    rank_zero_info(f"train: {rate}")
    return method.eval()


def _processes() -> dict[str, int]:
    """What the Trainer must know of the processes that torchrun started; nothing without it."""
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


def run_training(
    name: str, sources: Sequence[str], folder: str | os.PathLike, *, augment: bool = True, **options: Any
) -> dict[str, Any]:
    """``train`` with everything by name, for the command line: makes the method, opens the data, writes the weights.

    Args:
        name: of the method.
        sources: see :func:`open_source`; equal shares of each batch.
        folder: of checkpoint, metrics and ``<name>.safetensors``.
        augment: change pictures and labels of each batch.
        options: of :func:`train`.

    Returns:
        weights (path), steps, speed.
    """
    seed = options.get("seed", 0)
    method, labels = create_method(name), parameter_space()
    if getattr(method, "space", None) is not None and method.images.size == labels.size:
        method = create_method(name, space=labels)  # a measured whitening, not the rough default
    sets = [data for source in sources for data in open_source(source, method, seed)]
    model, size = method.model, method.images.size
    space = ParameterSpace(n_identity=model.n_identity, n_expression=model.n_expression, size=size, flip=labels.flip)
    changes = Augment(space, model) if augment else None
    rate = StepRate()
    train(method, sets, folder, augment=changes, callbacks=[rate], **options)
    path = Path(folder) / f"{name}.safetensors"
    command = f"pyface3d train {name} " + " ".join(f"--data {source}" for source in sources)
    about = {"data": list(sources), "seed": seed, "command": command}
    rank_zero_only(save_weights)(method, path, training=about)
    return {"weights": str(path), "steps": rate.steps + 1, "speed": str(rate)}
