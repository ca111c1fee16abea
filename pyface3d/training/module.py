"""One LightningModule for all methods: their loss, their recipe."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from pyface3d.data import select
from pyface3d.losses import PointLoss
from pyface3d.losses.points import rows_with
from pyface3d.methods import Method, Recipe
from pyface3d.training.maps import MapLabels, with_maps


class MethodModule(lightning.LightningModule):
    """Trains a method by its own loss and recipe.

    Samples without parameters that have landmarks are supervised by these (:class:`pyface3d.losses.PointLoss`), for
    methods that regress parameters and whose own loss does not take landmarks; a batch may mix both kinds. Methods of
    position maps get maps made from the parameters where a set has none. A recipe with an ``objective`` trains by that
    alone.

    Args:
        method: from :func:`pyface3d.create_method`.
        steps_per_epoch: steps that the recipe's epochs count.
        seed: of everything random inside a step: it restarts at each step, so that a resumed training goes on with
            the same numbers.
        augment: changes a batch: (batch, generator, side) -> batch; None: the batch as it is.
        recipe: in place of the method's own.

    Raises:
        ValueError: the recipe has an objective or sizes that the method cannot be trained with.

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
    ):
        super().__init__()
        self.method, self.recipe = method, recipe or method.recipe
        self.steps_per_epoch, self.seed, self.augment = steps_per_epoch, seed, augment
        self.terms: dict[str, Tensor] = {}  # of the last step
        if method.channels_last:
            method.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        space, name = method.space, type(method).__name__
        if self.recipe.sizes and not method.any_side:
            raise ValueError(f"train: {name} sees pictures of one side only; leave out sizes")
        self.objective = self.landmarks = None
        if space is None and self.recipe.objective is not None:
            raise ValueError(f"train: {name} has no parameters, which the recipe's objective compares")
        if space is not None and self.recipe.objective is not None:
            self.objective = PointLoss(method.model, space, **self.recipe.objective)
        elif space is not None and "landmarks" not in method.supervision:
            self.landmarks = PointLoss(method.model, space, landmarks=1.0, prior=0.1)
        self.maps = None if method.atlas is None else MapLabels(method, method.images.size)

    def on_train_start(self) -> None:
        """Training mode; BatchNorm as the recipe has it."""
        self.method.train()
        for part in self.method.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                if self.recipe.norm_momentum is not None:
                    part.momentum = self.recipe.norm_momentum
                if self.recipe.freeze_norm:
                    part.eval()

    def training_step(self, batch: dict[str, Any], index: int) -> Tensor:
        """The loss of one batch of samples."""
        seed = (self.seed * 1_000_003 + self.global_step) * 64 + self.global_rank
        torch.manual_seed(seed)
        side = self.recipe.side(self.global_step)
        if self.augment is not None:
            batch = self.augment(batch, torch.Generator().manual_seed(seed), side)
        loss, terms = self.compute_loss(batch, side)
        if not torch.isfinite(loss):
            raise FloatingPointError(self._culprit(batch, side))
        self.terms = {"loss": loss.detach(), **terms}
        return loss

    def outputs(self, batch: Mapping[str, Any], side: int | None = None) -> Any:
        """What the network answers to a batch's pictures, seen at ``side`` pixels."""
        images = batch["image"]
        side = side or self.method.images.size
        if images.shape[-1] != side:
            images = nn.functional.interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
        images = self.method.images.scaled(images)
        if self.method.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return self.method.network(images)

    def compute_loss(self, batch: Mapping[str, Any], side: int | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective, or the method's loss on the samples it is made for plus that of landmarks on the others."""
        if self.maps is not None and "params" in batch:
            batch = with_maps(batch, self.maps)
        outputs = self.outputs(batch, side) if self.method.space is not None else None
        return self._loss(batch, outputs)

    def _loss(self, batch: Mapping[str, Any], outputs: Any) -> tuple[Tensor, dict[str, Tensor]]:
        if self.objective is not None:
            return self.objective(outputs, batch)
        if self.landmarks is None:
            return self.method.loss(batch, outputs)
        rest = rows_with("landmarks", batch, batch["image"]) & ~rows_with("params", batch, batch["image"])
        if not rest.any():
            return self.method.loss(batch, outputs)
        loss, terms = self.landmarks(outputs[rest], select(batch, rest))
        if not rest.all():
            share = 1 - rest.float().mean()
            other, more = self.method.loss(batch, outputs)
            loss, terms = loss * (1 - share) + other * share, {**terms, **more}
        return loss, terms

    @torch.no_grad()
    def _culprit(self, batch: Mapping[str, Any], side: int | None) -> str:
        """Which sample, data set and term make the loss something else than a number."""
        self.eval()  # single samples have no statistics
        for row in range(len(batch["image"])):
            one = select(batch, [row])
            loss, terms = self.compute_loss(one, side)
            broken = [name for name, value in terms.items() if not bool(value.isfinite().all())]
            if broken or not bool(loss.isfinite()):
                name, source = ("".join(one.get(key, [])) for key in ("name", "set"))
                where = f"sample {name or row}" + (f" of {source}" if source else "")
                terms_text = f"term {', '.join(broken)}" if broken else "the sum of its terms"
                return (
                    f"train: the loss is not finite at step {self.global_step}: {terms_text} of {where}; "
                    "look at its labels with `pyface3d data check`, or lower the rate if the step is late"
                )
        return f"train: the loss of the whole batch is not finite at step {self.global_step}; lower the rate"

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The recipe's optimizer and learning rates by step."""
        recipe = self.recipe
        optimizer = build_optimizer(recipe, [p for p in self.parameters() if p.requires_grad])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.factor(step, self.steps_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def build_optimizer(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of a recipe; AdamW's decay leaves out vectors, which are biases and the scales of norms."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        inertia: dict[str, Any] = {"momentum": recipe.momentum, "nesterov": recipe.nesterov}
        return torch.optim.SGD(parameters, rate, weight_decay=decay, **inertia)
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, rate, recipe.betas, weight_decay=decay)
    matrices, vectors = ([p for p in parameters if (p.ndim > 1) == wide] for wide in (True, False))
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], rate, recipe.betas, foreach=True)


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe squeezed into fewer epochs: milestones and warm-up keep their share of the training."""
    ratio = epochs / recipe.epochs
    return replace(
        recipe,
        epochs=epochs,
        milestones=tuple(round(milestone * ratio) for milestone in recipe.milestones),
        warmup_epochs=round(recipe.warmup_epochs * ratio),
    )
