"""Training a parameter method on landmarks alone: 68 or 21 points, some hidden, held in place by a prior."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.landmarks import aflw21_from_68
from pyface3d.morphable import MorphableModel


class LandmarkSupervision(nn.Module):
    """Wing on the visible landmarks (Feng et al. 2018, eq. 5) and a Gaussian prior on the coefficients.

    Labels with three coordinates are compared in the picture plane only: their depths have no common origin. For 68
    points alone, with their depths and without a prior, there is :class:`pyface3d.losses.LandmarkLoss`.

    Args:
        model: the face model, with 68 landmarks.
        space: layout and whitening of the parameters.
        prior: factor of the mean squared whitened coefficient.

    Example:
        >>> supervision = LandmarkSupervision(MorphableModel.default(), ParameterSpace())
        >>> labels = {"landmarks": torch.zeros(2, 21, 2), "visible": torch.ones(2, 21, dtype=torch.bool)}
        >>> loss, terms = supervision(torch.zeros(2, 62), labels)
    """

    def __init__(self, model: MorphableModel, space: ParameterSpace, prior: float = 0.1):
        super().__init__()
        self.model, self.space, self.prior = model, space, prior

    def forward(self, whitened: Tensor, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and terms of predictions (B, P).

        Args:
            whitened: (B, P) output of the network.
            batch: landmarks (B, L, 2|3) in crop pixels, y down; visible (B, L); landmark_count (B,), when samples
                with 21 and with 68 points are mixed.

        Raises:
            ValueError: a sample has neither 21 nor 68 points.
        """
        pose, coeffs = self.space.split(self.space.unwhiten(whitened))
        points = flip_y(self.model.landmarks68(coeffs, pose), self.space.size, self.space.flip)[..., :2]  # (B, 68, 2)
        labels, visible = batch["landmarks"][..., :2], batch["visible"]
        count = batch.get("landmark_count", torch.full((len(labels),), labels.shape[1]))
        values = torch.zeros(len(labels), device=points.device)
        for number, mapped in ((68, lambda p: p), (21, aflw21_from_68)):
            rows = count == number
            if rows.any():
                values[rows] = _wing(mapped(points[rows]), labels[rows, :number], visible[rows, :number])
        if not ((count == 68) | (count == 21)).all():
            raise ValueError(f"LandmarkSupervision: landmarks must be 68 or 21, got {sorted(set(count.tolist()))}")
        prior = whitened[:, self.space.slices["identity"].start :].square().mean()
        loss = values.mean() + self.prior * prior
        return loss, {"landmarks": values.mean().detach(), "prior": prior.detach()}


def _wing(points: Tensor, labels: Tensor, visible: Tensor) -> Tensor:
    """(B,) mean wing over the visible points (B, L, 2)."""
    shown = visible[..., None]
    elements = ops.wing_loss(points, torch.where(shown, labels.to(points.dtype), points.detach()), 10.0, 2.0)
    return (elements * shown).sum((1, 2)) / (2 * visible.sum(1)).clamp_min(1)
