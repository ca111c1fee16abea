"""Mobile-FRNet's loss: parameters and vertices together."""

from collections.abc import Sequence

from torch import Tensor

from pyface3d.camera import ParameterSpace
from pyface3d.losses.parameters import ParameterLoss, WingVertexLoss, WPDCLoss
from pyface3d.morphable import MorphableModel


class MobileFRNetLoss(ParameterLoss):
    """``l1 L_wpdc + l2 L_wing`` of Mobile-FRNet (Li et al., ICPR 2020), both over all vertices.

    The paper's factors, w and epsilon are not published: w and epsilon are DAMDNet's, the factors bring both terms to
    the same order at the start of a training.

    Args:
        model: the face model.
        space: layout and whitening of the parameters.
        weights: factors of WPDC and Wing.
        w: where Wing's logarithm turns into a line, in pixels.
        epsilon: curvature of the logarithm, in pixels.

    Example:
        >>> import torch
        >>> from pyface3d import MorphableModel, ParameterSpace
        >>> space = ParameterSpace()
        >>> loss = MobileFRNetLoss(MorphableModel.default(), space, weights=(1.0, 0.0))
        >>> loss(torch.zeros(2, 62), space.mean.expand(2, 62))
        tensor(0.)
    """

    def __init__(
        self,
        model: MorphableModel,
        space: ParameterSpace,
        weights: Sequence[float] = (1.0, 0.1),
        w: float = 10.0,
        epsilon: float = 2.0,
    ):
        super().__init__(model, space, self.factors(("wpdc", "wing"), weights))
        self.wpdc, self.wing = WPDCLoss(model, space), WingVertexLoss(model, space, "wing", w, epsilon)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``wpdc`` (whitened) and ``wing`` (pixels)."""
        return {**self.wpdc.terms(pred, target), **self.wing.terms(pred, target)}
