"""DenseNet-121 (Huang et al. 2017) with torchvision's parameter names."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from pyface3d.nets.layers import Trunk, initialize

_GROWTH = 32
_DEPTHS = (6, 12, 24, 16)


class DenseLayer(nn.Module):
    """BatchNorm, ReLU, 1x1 to four growths, BatchNorm, ReLU, 3x3 to one growth; appended to its input."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 4 * _GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * _GROWTH)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * _GROWTH, _GROWTH, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, inputs + 32, H, W)."""
        y = self.conv1(self.relu1(self.norm1(x)))
        return torch.cat([x, self.conv2(self.relu2(self.norm2(y)))], 1)


class DenseNet(Trunk):
    """DenseNet-121.

    Args:
        num_outputs: outputs of the head ``classifier``.
    """

    head_name = "classifier"

    def __init__(self, num_outputs: int = 62) -> None:
        super().__init__()
        channels = 64
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, channels, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        for i, depth in enumerate(_DEPTHS, start=1):
            names = [f"denselayer{j + 1}" for j in range(depth)]
            block: OrderedDict[str, nn.Module] = OrderedDict(
                (name, DenseLayer(channels + _GROWTH * j)) for j, name in enumerate(names)
            )
            layers[f"denseblock{i}"] = nn.Sequential(block)
            channels += _GROWTH * depth
            if i < len(_DEPTHS):
                layers[f"transition{i}"] = _transition(channels)
                channels //= 2
        layers["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.relu = nn.ReLU(inplace=True)
        self.num_features = channels
        self.classifier = nn.Linear(channels, num_outputs)
        initialize(self)

    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, 1024, H/32, W/32)."""
        return self.relu(self.features(images))


def _transition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2, 2),
        )
    )


def densenet121(num_outputs: int = 62) -> DenseNet:
    """DenseNet-121 (7.0 M parameters in the trunk)."""
    return DenseNet(num_outputs)
