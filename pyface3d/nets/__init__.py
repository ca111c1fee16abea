"""Trunks and blocks: image -> features -> outputs. They know neither losses nor face models.

The standard trunks carry torchvision's parameter names (MobileNetV1 those of 3DDFA), so public weights load unchanged.
"""

from .attention import SpatialGroupEnhance, SqueezeExcitation
from .counting import Count, LayerCount, count
from .densenet import DenseNet, densenet121
from .layers import Trunk
from .mobile_frnet import MobileBlock, MobileFRTrunk, MultiScaleDepthwise
from .mobilenet_v1 import MobileNetV1, mobilenet_v1
from .mobilenet_v2 import MobileNetV2, mobilenet_v2
from .resnet import ResNet, resnet34, resnet50, resnext50_32x4d
from .weights import load_backbone, read_state

__all__ = [
    "Count",
    "DenseNet",
    "LayerCount",
    "MobileBlock",
    "MobileFRTrunk",
    "MobileNetV1",
    "MobileNetV2",
    "MultiScaleDepthwise",
    "ResNet",
    "SpatialGroupEnhance",
    "SqueezeExcitation",
    "Trunk",
    "count",
    "densenet121",
    "load_backbone",
    "mobilenet_v1",
    "mobilenet_v2",
    "read_state",
    "resnet34",
    "resnet50",
    "resnext50_32x4d",
]
