"""What all losses share: named terms, their weighted sum, missing samples, finiteness."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Loss(nn.Module):
    """A weighted sum of named terms, each the mean over the samples that count.

    Subclasses write :meth:`terms`. The forward runs in float32 or wider also under autocast, has no graph breaks
    (``check_finite=True`` excepted) and no state of its own: nothing of it enters a ``state_dict``.

    Args:
        weights: factor of each term, by name.
        check_finite: whether to raise where a sample's loss is not finite, naming it (waits for the device).

    Raises:
        ValueError: a weight is negative or not finite, or all are zero.
    """

    def __init__(self, weights: Mapping[str, float], check_finite: bool = False):
        super().__init__()
        name = type(self).__name__
        for term, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name}: weight of {term} must be finite and not negative, got {weight}")
        if not any(weights.values()):
            raise ValueError(f"{name}: weights are all zero; leave out the loss instead")
        self.weights = dict(weights)
        self.check_finite = check_finite

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Each term's value (B,) per sample."""
        raise NotImplementedError

    def forward(
        self, pred: Tensor, target: Tensor, present: Tensor | None = None, *, return_terms: bool = False
    ) -> Any:
        """The loss of a batch.

        Args:
            pred: (B, ...) what the network answers, of any floating type.
            target: (B, ...) the truth.
            present: bool (B,), samples that count, the others' targets may hold anything; None: all.
            return_terms: whether to return the terms as well.

        Returns:
            The loss (), 0 with zero gradient for a batch without samples that count; with ``return_terms`` also the
            terms by name, (), detached and without their weights.

        Raises:
            FloatingPointError: with ``check_finite``, where a term is not finite.
        """
        with torch.autocast(pred.device.type, enabled=False):
            pred = _wide(pred)
            if present is not None:
                target = _kept(target, present)
            return self.total(self.terms(pred, _wide(target)), present, return_terms)

    def total(self, terms: dict[str, Tensor], present: Tensor | None, return_terms: bool) -> Any:
        """Reduces terms (B,) to their means and adds these up."""
        if self.check_finite:
            self._raise_unless_finite(terms, present)
        means = {name: mean_of(values, present) for name, values in terms.items()}
        loss = weighted_sum(self.weights, means)
        return (loss, {name: mean.detach() for name, mean in means.items()}) if return_terms else loss

    def _raise_unless_finite(self, terms: dict[str, Tensor], present: Tensor | None) -> None:
        for name, values in terms.items():
            broken = ~values.detach().isfinite()
            broken = broken if present is None else broken & present
            if broken.any():
                samples = broken.nonzero().flatten().tolist()
                raise FloatingPointError(
                    f"{type(self).__name__}: term {name} is not finite for samples {samples} of the batch; "
                    "look for NaN in their predictions and targets, or lower the learning rate"
                )


def check_wing(loss: Loss, w: float, epsilon: float) -> None:
    """Refuses widths and curvatures of Wing that are not positive."""
    if not (w > 0 and epsilon > 0):
        raise ValueError(f"{type(loss).__name__}: w and epsilon must be positive, got {w} and {epsilon}")


def weighted_sum(weights: Mapping[str, float], terms: Mapping[str, Tensor]) -> Tensor:
    """Sum of the terms times their weights."""
    parts = [term if weights[name] == 1 else weights[name] * term for name, term in terms.items()]
    return torch.stack(parts).sum() if len(parts) > 1 else parts[0]


def mean_of(values: Tensor, present: Tensor | None = None) -> Tensor:
    """Mean of the values (B,) of the samples that count; 0 where none does."""
    if present is None:
        return values.mean() if values.shape[0] else values.sum()
    return torch.where(present, values, torch.zeros_like(values)).sum() / present.sum().clamp(min=1)


def _kept(target: Tensor, present: Tensor) -> Tensor:
    """Zeros in place of the targets that do not count: a NaN there would reach the gradient even times zero."""
    if present.shape != target.shape[:1] or present.dtype != torch.bool:
        raise ValueError(f"present must be bool ({target.shape[0]},), got {present.dtype} {tuple(present.shape)}")
    rows = present.reshape(-1, *[1] * (target.dim() - 1))
    return torch.where(rows, target, torch.zeros_like(target))


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32)) if x.is_floating_point() else x
