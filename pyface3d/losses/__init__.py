"""Losses as modules: each returns a scalar, and its terms by name with ``return_terms=True``.

Predictions are what a network answers (whitened parameters, maps, logits), labels are what datasets hold (un-whitened
parameters, maps in pixels, 1/0/-1).
"""

from pyface3d.losses.identity import IdentityDistance
from pyface3d.losses.joint import AttributeLoss, JointLoss, PositionMapLoss
from pyface3d.losses.landmarks import LandmarkLoss, WingLoss
from pyface3d.losses.loss import Loss
from pyface3d.losses.marn import MARNLoss
from pyface3d.losses.mobile_frnet import MobileFRNetLoss
from pyface3d.losses.parameters import ParameterLoss, PDCLoss, VDCLoss, WingVertexLoss, WPDCLoss
from pyface3d.losses.points import PointLoss

__all__ = [
    "AttributeLoss",
    "IdentityDistance",
    "JointLoss",
    "LandmarkLoss",
    "Loss",
    "MARNLoss",
    "MobileFRNetLoss",
    "PDCLoss",
    "ParameterLoss",
    "PointLoss",
    "PositionMapLoss",
    "VDCLoss",
    "WPDCLoss",
    "WingLoss",
    "WingVertexLoss",
]
