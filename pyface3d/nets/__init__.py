"""Trunks and blocks: image -> features -> outputs. They know neither losses nor face models.

The standard trunks carry torchvision's parameter names (MobileNetV1 those of 3DDFA), so public weights load unchanged.
"""

from pyface3d.nets.attention import SpatialGroupEnhance, SqueezeExcitation
from pyface3d.nets.counting import Count, LayerCount, count
from pyface3d.nets.densenet import DenseNet, densenet121
from pyface3d.nets.folding import fold
from pyface3d.nets.joint import AttributeHead, JointNetwork, ParameterHead
from pyface3d.nets.layers import Trunk
from pyface3d.nets.mobile_frnet import MobileBlock, MobileFRTrunk, MultiScaleDepthwise
from pyface3d.nets.mobilenet_v1 import MobileNetV1, mobilenet_v1
from pyface3d.nets.mobilenet_v2 import MobileNetV2, mobilenet_v2
from pyface3d.nets.resfcn import PositionMapDecoder, PositionMapEncoder, ResFCN
from pyface3d.nets.resnet import ResNet, resnet34, resnet50, resnext50_32x4d
from pyface3d.nets.weights import load_backbone, read_state

__all__ = [
    "AttributeHead",
    "Count",
    "DenseNet",
    "JointNetwork",
    "LayerCount",
    "MobileBlock",
    "MobileFRTrunk",
    "MobileNetV1",
    "MobileNetV2",
    "MultiScaleDepthwise",
    "ParameterHead",
    "PositionMapDecoder",
    "PositionMapEncoder",
    "ResFCN",
    "ResNet",
    "SpatialGroupEnhance",
    "SqueezeExcitation",
    "Trunk",
    "count",
    "densenet121",
    "fold",
    "load_backbone",
    "mobilenet_v1",
    "mobilenet_v2",
    "read_state",
    "resnet34",
    "resnet50",
    "resnext50_32x4d",
]
