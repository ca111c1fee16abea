"""The published methods: one file each, network, loss and recipe together; all are used the same way.

>>> import torch
>>> from pyface3d import create_method
>>> faces = create_method("mobile_frnet").predict(torch.zeros(1, 3, 120, 120, dtype=torch.uint8))
>>> faces.vertices.shape
torch.Size([1, 9409, 3])
"""

from pyface3d.methods.attributes import CELEBA_ATTRIBUTES, CELEBA_GROUPS, RACE_GROUP, positive_weights
from pyface3d.methods.card import ModelCard, read_card
from pyface3d.methods.compact import Compact
from pyface3d.methods.hub_card import hub_card
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.joint import JointNet
from pyface3d.methods.loading import create_method, from_pretrained
from pyface3d.methods.marn import MARN
from pyface3d.methods.method import Method
from pyface3d.methods.mobile_frnet import MobileFRNet
from pyface3d.methods.onnx import export_onnx
from pyface3d.methods.parameter_method import ParameterMethod, default_space
from pyface3d.methods.position_map import PositionMapNet, PRNet, SmallPositionMapNet, WeightMaskNet
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.reconstruction import Reconstruction
from pyface3d.methods.registry import list_methods, register_method
from pyface3d.methods.shipped import Weights, describe_weights, list_weights, verify_weights
from pyface3d.methods.synergy import SynergyNet
from pyface3d.methods.tddfa import TDDFA, read_whitening
from pyface3d.methods.weights import load_weights, save_weights

__all__ = [
    "CELEBA_ATTRIBUTES",
    "CELEBA_GROUPS",
    "Compact",
    "JointNet",
    "MARN",
    "Method",
    "ImageFormat",
    "MobileFRNet",
    "ModelCard",
    "PRNet",
    "ParameterMethod",
    "PositionMapNet",
    "RACE_GROUP",
    "Recipe",
    "Reconstruction",
    "SmallPositionMapNet",
    "SynergyNet",
    "TDDFA",
    "WeightMaskNet",
    "Weights",
    "create_method",
    "default_space",
    "describe_weights",
    "export_onnx",
    "from_pretrained",
    "hub_card",
    "list_methods",
    "list_weights",
    "load_weights",
    "positive_weights",
    "read_card",
    "read_whitening",
    "register_method",
    "save_weights",
    "verify_weights",
]
