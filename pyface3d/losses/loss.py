"""What all losses share: named terms, their weighted sum, missing samples, finiteness."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Counted = tuple[dict[str, Tensor], Tensor | None]  # terms by name, (B,) each, and which samples count


class Loss(nn.Module):
    """A weighted sum of named terms, each the mean over the samples that count.

    Subclasses write :meth:`terms`. The forward runs in float32 or wider also under autocast, has no graph breaks
    (``check_finite`` excepted) and no state of its own: nothing of it enters a ``state_dict``.

    Args:
        weights: factor of each term, by name.

    Attributes:
        check_finite: set it to raise where a sample's loss is not finite, naming it (waits for the device).

    Raises:
        ValueError: a weight is negative or not finite, or all are zero.
    """

    check_finite = False

    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        name = type(self).__name__
        for term, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name}: weight of {term} must be finite and not negative, got {weight}")
        if not any(weights.values()):
            raise ValueError(f"{name}: weights are all zero; leave out the loss instead")
        self.weights = dict(weights)

    @classmethod
    def factors(cls, terms: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
        """Weights by the names of their terms; ValueError where there are more or fewer."""
        if len(weights) != len(terms):
            raise ValueError(f"{cls.__name__}: weights must be {len(terms)} ({', '.join(terms)}), got {len(weights)}")
        return dict(zip(terms, weights))

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Each term's value (B,) per sample."""
        raise NotImplementedError

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        mask: Tensor | None = None,
        *,
        reduction: str = "mean",
        return_terms: bool = False,
    ) -> Any:
        """The loss of a batch.

        Args:
            pred: (B, ...) what the network answers, of any floating type.
            target: (B, ...) the truth.
            mask: bool (B,), samples that count, the others' targets may hold anything; None: all.
            reduction: "mean" or "sum" over the samples that count; "none": one value a sample, 0 where it does not.
            return_terms: whether to return the terms as well.

        Returns:
            The loss, () or (B,), 0 with zero gradient for a batch without samples that count; with ``return_terms``
            also the terms by name, reduced alike, detached and without their weights.

        Raises:
            ValueError: another reduction, or a mask of another shape.
            FloatingPointError: with ``check_finite``, where a term is not finite.
        """
        with torch.autocast(pred.device.type, enabled=False):
            terms, counted = self.counted_terms(_wide(pred), target, mask)
            return self.total(terms, counted, reduction, return_terms)

    def counted_terms(
        self, pred: Tensor, target: Tensor, mask: Tensor | None
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        """Each term's value (B,), and which samples count; losses whose mask says more than that write their own."""
        target = target if mask is None else _kept(target, mask)
        return self.terms(pred, _wide(target)), mask

    def total(self, terms: dict[str, Tensor], mask: Tensor | None, reduction: str, return_terms: bool) -> Any:
        """Reduces terms (B,) and adds them up."""
        if self.check_finite:
            self._raise_unless_finite(terms, mask)
        return self.sum_up({name: reduced(values, mask, reduction) for name, values in terms.items()}, return_terms)

    def sum_up(self, terms: dict[str, Tensor], return_terms: bool) -> Any:
        """The weighted sum of reduced terms, and these, detached, where they are wanted."""
        loss = weighted_sum(self.weights, terms)
        return (loss, {name: term.detach() for name, term in terms.items()}) if return_terms else loss

    def _raise_unless_finite(self, terms: dict[str, Tensor], mask: Tensor | None) -> None:
        for name, values in terms.items():
            broken = ~values.detach().isfinite()
            broken = broken if mask is None else broken & mask
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
    return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


def reduced(values: Tensor, mask: Tensor | None, reduction: str) -> Tensor:
    """Values (B,) of the samples that count, reduced as ``Loss.forward`` says."""
    if reduction == "mean":
        return mean_of(values, mask)
    if reduction not in ("sum", "none"):
        raise ValueError(f"Loss: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    kept = values if mask is None else torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() if reduction == "sum" else kept


def mean_of(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean of the values (B,) of the samples that count; 0 where none does."""
    if mask is None:
        return values.mean() if values.shape[0] else values.sum()
    return torch.where(mask, values, torch.zeros_like(values)).sum() / mask.sum().clamp(min=1)


def _kept(target: Tensor, mask: Tensor) -> Tensor:
    """Zeros in place of the targets that do not count: a NaN there would reach the gradient even times zero."""
    if mask.shape != target.shape[:1] or mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool ({target.shape[0]},), got {mask.dtype} {tuple(mask.shape)}")
    rows = mask.reshape(-1, *[1] * (target.dim() - 1))
    return torch.where(rows, target, torch.zeros_like(target))


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32)) if x.is_floating_point() else x
