"""Facial attributes: accuracy plain, corrected for the training prior, and balanced."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

# predicted and true: true positive, false positive, false negative, true negative
_CELLS = ("tp", "fp", "fn", "tn")


class AttributeAccuracy(Metric):
    """Accuracy of binary attributes, in percent, as on CelebA.

    Three figures, because a loss that weights positives by alpha moves the best threshold: ``accuracy`` at
    probability 1/2 as is; ``corrected`` at 1/2 after taking ln(alpha) off the logits, which restores the training
    prior; ``balanced``, the mean of the true positive and true negative rates, which a weighted loss is tuned for.

    Args:
        names: names of the A attributes.
        positive_weights: (A,) alpha of each attribute's positive term in training; ones where left out.
        options: of :class:`torchmetrics.Metric`.

    Example:
        >>> metric = AttributeAccuracy(["Smiling"])
        >>> metric.update(torch.tensor([[2.0], [-1.0], [3.0]]), torch.tensor([[1], [1], [0]]))
        >>> round(metric.compute()["accuracy"], 2)
        33.33
    """

    full_state_update = False
    higher_is_better = True
    unit = "%"
    plain: Tensor
    corrected: Tensor
    log_weights: Tensor

    def __init__(
        self, names: Sequence[str], positive_weights: Tensor | Sequence[float] | None = None, **options
    ) -> None:
        super().__init__(**options)
        self.names = tuple(names)
        alpha = torch.ones(len(self.names)) if positive_weights is None else torch.as_tensor(positive_weights).float()
        if alpha.shape != (len(self.names),) or not bool((alpha > 0).all()):
            wanted = f"{len(self.names)} positive numbers"
            raise ValueError(f"AttributeAccuracy: positive_weights must be {wanted}, got {alpha.tolist()}")
        self.register_buffer("log_weights", alpha.log(), persistent=False)
        for rule in ("plain", "corrected"):
            self.add_state(
                rule, default=torch.zeros(len(_CELLS), len(self.names), dtype=torch.int64), dist_reduce_fx="sum"
            )

    def update(self, logits: Tensor, target: Tensor) -> None:
        """Adds a batch.

        Args:
            logits: (B, A).
            target: (B, A) 1 for yes, 0 for no, -1 for unknown, which does not count.
        """
        if logits.shape != target.shape or logits.shape[1:] != (len(self.names),):
            got = f"{tuple(logits.shape)} and {tuple(target.shape)}"
            raise ValueError(f"AttributeAccuracy.update: logits and target must be (B, {len(self.names)}), got {got}")
        self.plain += _cells(logits > 0, target)
        self.corrected += _cells(logits > self.log_weights, target)

    def compute(self) -> dict[str, float]:
        """``accuracy``, ``corrected`` and ``balanced``: means over the attributes that occur; the same with ``/name``
        for each.
        """
        rules = {
            "accuracy": _accuracy(self.plain),
            "corrected": _accuracy(self.corrected),
            "balanced": _balanced(self.plain),
        }
        figures = {rule: values.nanmean().item() for rule, values in rules.items()}
        figures["images"] = int(self.plain.sum(0).max()) if len(self.names) else 0
        for rule, values in rules.items():
            figures |= {f"{rule}/{name}": value for name, value in zip(self.names, values.tolist())}
        return figures


def _cells(yes: Tensor, target: Tensor) -> Tensor:
    """(4, A) counts: true positives, false positives, false negatives, true negatives."""
    true, false = target == 1, target == 0
    return torch.stack([(yes & true).sum(0), (yes & false).sum(0), (~yes & true).sum(0), (~yes & false).sum(0)])


def _accuracy(cells: Tensor) -> Tensor:
    tp, _, _, tn = cells.double()
    return 100 * (tp + tn) / cells.sum(0)


def _balanced(cells: Tensor) -> Tensor:
    """Mean of both rates; where only one class occurs, that class's rate."""
    tp, fp, fn, tn = cells.double()
    return 100 * torch.stack([tp / (tp + fn), tn / (tn + fp)]).nanmean(0)


def logits_of(probabilities: Tensor) -> Tensor:
    """Logits of probabilities, finite also at 0 and 1.

    Example:
        >>> logits_of(torch.tensor([0.5]))
        tensor([0.])
    """
    return torch.logit(probabilities.double(), eps=math.ulp(1.0)).float()
