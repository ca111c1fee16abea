"""Losses on points: Wing on any coordinates, and landmarks of predicted parameters against labeled ones."""

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.losses.loss import Counted, Loss, check_wing
from pyface3d.losses.parameters import ParameterLoss
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.landmark_sets import DEFAULT


class WingLoss(Loss):
    """Wing loss (Feng et al. 2018, eq. 5), mean over the elements of each sample.

    Args:
        w: where the logarithm turns into a line, in the units of the predictions.
        epsilon: curvature of the logarithm, in the same units.

    Example:
        >>> import torch
        >>> WingLoss()(torch.full((2, 68, 2), 2.0), torch.zeros(2, 68, 2))
        tensor(6.9315)
    """

    def __init__(self, w: float = 10.0, epsilon: float = 2.0):
        super().__init__({"wing": 1.0})
        check_wing(self, w, epsilon)
        self.w, self.epsilon = w, epsilon

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``wing``, in the units of the predictions."""
        elements = ops.wing_loss(pred, target.to(pred.dtype), self.w, self.epsilon)
        return {"wing": elements.flatten(1).mean(1) if elements[:1].numel() else elements.flatten(1).sum(1)}


class LandmarkLoss(ParameterLoss):
    """Wing between the landmarks of predicted parameters and labeled ones in the image.

    The predicted landmarks are posed and flipped into crop pixels (x right, y down) as the space says; labels may be
    flat (B, L, 2) or deep (B, L, 3), and some of them hidden: ``mask`` is bool (B, L), the visible points, or (B,),
    samples. Averaged over the visible coordinates of a sample, and over the samples with a visible point; points that
    the model lacks never count.

    Args:
        model: the face model.
        space: layout and whitening of the parameters.
        landmarks: which points are labeled: a set of the model, or what follows from one (``"aflw21"``, ``"wflw98"``).
        w: where the penalty turns into a line, in pixels.
        epsilon: curvature of the logarithm, in pixels.

    Raises:
        ValueError: the model has no such landmarks.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> loss = LandmarkLoss(MorphableModel.default(), ParameterSpace(size=120))
        >>> visible = torch.zeros(2, 68, dtype=torch.bool)
        >>> loss(torch.zeros(2, 62), torch.full((2, 68, 2), float("nan")), visible)
        tensor(0.)
    """

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        landmarks: str = DEFAULT,
        w: float = 10.0,
        epsilon: float = 2.0,
    ):
        super().__init__(model, space, {"landmarks": 1.0})
        check_wing(self, w, epsilon)
        self.points = model.landmark_basis(landmarks)
        self.model, self.w, self.epsilon = model, w, epsilon

    def counted_terms(self, pred: Tensor, target: Tensor, mask: Tensor | None) -> Counted:
        """``landmarks`` in pixels, and which samples have a visible one."""
        n = len(self.points.mean)
        if target.dim() != 3 or target.shape[1] != n or target.shape[2] not in (2, 3):
            raise ValueError(f"LandmarkLoss: target must be (B, {n}, 2) or (B, {n}, 3), got {tuple(target.shape)}")
        visible = torch.ones(target.shape[:2], dtype=torch.bool, device=target.device)
        if mask is not None:
            visible = visible & (mask[:, None] if mask.dim() == 1 else mask)
        if self.points.mask is not None:
            visible = visible & self.points.mask[:, 0]
        pose, coeffs = self.space.split(self.space.unwhiten(pred))
        posed = self.model.landmark_points(coeffs, pose, self.points)  # (B, L, 3)
        points = flip_y(posed, self.space.size, self.space.flip)[..., : target.shape[2]]
        shown = visible[..., None]
        target = torch.where(shown, target.to(points.dtype), torch.zeros_like(points))
        elements = ops.wing_loss(points, target, self.w, self.epsilon)
        elements = torch.where(shown, elements, torch.zeros_like(elements))
        count = visible.sum(1) * target.shape[2]
        return {"landmarks": elements.sum((1, 2)) / count.clamp(min=1)}, count > 0
