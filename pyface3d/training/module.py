"""One LightningModule for all methods: their loss, their recipe."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from pyface3d.losses.supervision import LandmarkSupervision
from pyface3d.methods import Method, Recipe
from pyface3d.training.maps import MapLabels


class MethodModule(lightning.LightningModule):
    """Trains a method by its own loss and recipe.

    Samples without parameters that have landmarks are supervised by these (:class:`LandmarkSupervision`), for methods
    that regress parameters; a batch may mix both kinds. Methods of position maps get maps made from the parameters
    where a set has none.

    Args:
        method: from :func:`pyface3d.create_method`.
        steps_per_epoch: steps that the recipe's epochs count.
        seed: of everything random inside a step: it restarts at each step, so that a resumed training goes on with
            the same numbers.
        augment: changes a batch (batch, generator) -> batch; None: the batch as it is.
        recipe: in place of the method's own.
        freeze_norm: BatchNorm keeps its statistics (fine-tuning, and batches of one sample for each process).

    Example:
        >>> module = MethodModule(pyface3d.create_method("marn"), steps_per_epoch=100)  # doctest: +SKIP
    """

    def __init__(
        self,
        method: Method,
        steps_per_epoch: int,
        *,
        seed: int = 0,
        augment: Any = None,
        recipe: Recipe | None = None,
        freeze_norm: bool = False,
    ):
        super().__init__()
        self.method, self.recipe = method, recipe or method.recipe
        self.steps_per_epoch, self.seed, self.augment, self.freeze_norm = steps_per_epoch, seed, augment, freeze_norm
        space = getattr(method, "space", None)
        self.landmarks = None if space is None else LandmarkSupervision(method.model, space)
        self.maps = None if getattr(method, "atlas", None) is None else MapLabels(method, method.images.size)

    def on_train_start(self) -> None:
        """Training mode, BatchNorm apart when it is frozen."""
        self.method.train()
        if self.freeze_norm:
            for part in self.method.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """The loss of one batch of samples."""
        seed = (self.seed * 1_000_003 + self.global_step) * 64 + self.global_rank
        torch.manual_seed(seed)
        if self.augment is not None:
            batch = self.augment(batch, torch.Generator().manual_seed(seed))
        loss, terms = self.compute_loss(batch)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"training: the loss is {loss.item()} at step {self.global_step}; lower the rate")
        shown = {"loss": loss.detach(), **terms}
        self.log_dict({f"train/{name}": value for name, value in shown.items()}, sync_dist=True)
        return loss

    def compute_loss(self, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The method's loss on the samples it is made for, plus that of landmarks where there is nothing else."""
        if self.maps is not None and "params" in batch and "position_map" not in batch:
            batch = {**batch, "position_map": self.maps(batch["params"])}
            batch |= {"has_position_map": batch["has_params"]} if "has_params" in batch else {}
        rest = self._landmarks_only(batch)
        if rest is None or self.landmarks is None:
            return self.method.loss(batch)
        outputs = self.method(self.method.preprocess(batch["image"]))
        loss, terms = self.landmarks(outputs[rest], {key: batch[key][rest] for key in ("landmarks", "visible")})
        if not rest.all():
            share = 1 - rest.float().mean()
            other, more = self.method.loss(batch, outputs)
            loss, terms = loss * (1 - share) + other * share, {**terms, **more}
        return loss, terms

    def _landmarks_only(self, batch: Mapping[str, Any]) -> Tensor | None:
        """(B,) which samples have landmarks but no parameters; None when there are none."""
        if self.landmarks is None or "landmarks" not in batch:
            return None
        everyone = torch.ones(len(batch["image"]), dtype=torch.bool)
        none = torch.zeros_like(everyone)
        with_params = batch.get("has_params", everyone if "params" in batch else none)
        rest = batch.get("has_landmarks", everyone) & ~with_params
        return rest if rest.any() else None

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The recipe's optimizer and learning rates by epoch."""
        recipe, parameters = self.recipe, [p for p in self.parameters() if p.requires_grad]
        if recipe.optimizer == "sgd":
            inertia: dict[str, Any] = {"momentum": recipe.momentum, "nesterov": recipe.nesterov}
            optimizer: torch.optim.Optimizer = torch.optim.SGD(
                parameters, recipe.learning_rate, weight_decay=recipe.weight_decay, **inertia
            )
        else:
            optimizer = torch.optim.Adam(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: recipe.rate(step // self.steps_per_epoch) / recipe.learning_rate
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe squeezed into fewer epochs: milestones and warm-up keep their share of the training."""
    ratio = epochs / recipe.epochs
    return replace(
        recipe,
        epochs=epochs,
        milestones=tuple(round(milestone * ratio) for milestone in recipe.milestones),
        warmup_epochs=round(recipe.warmup_epochs * ratio),
    )
