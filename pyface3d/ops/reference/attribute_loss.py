"""Plain-torch binary cross entropy over attributes with missing labels."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def attribute_loss(
    logits: Tensor, labels: Tensor, pos_weight: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Cross entropy summed over the entries whose mask is set and whose label is known -> (B,)."""
    counted = labels >= 0 if mask is None else (labels >= 0) & mask
    clean = torch.where(counted, labels.to(logits.dtype), torch.zeros_like(logits))
    entries = binary_cross_entropy_with_logits(logits, clean, pos_weight=pos_weight, reduction="none")
    return torch.where(counted, entries, torch.zeros_like(entries)).sum(1)
