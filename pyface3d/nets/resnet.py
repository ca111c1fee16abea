"""ResNet and ResNeXt (He et al. 2016; Xie et al. 2017) with torchvision's parameter names."""

from torch import Tensor, nn

from pyface3d.nets.layers import Trunk, conv_bn, initialize


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    return conv_bn(inputs, outputs, 1, stride) if stride != 1 or inputs != outputs else None


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, groups: int, base_width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, width * expansion, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 (grouped in ResNeXt) and 1x1 convolutions and a shortcut; the stride sits in the 3x3."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, groups: int, base_width: int) -> None:
        super().__init__()
        hidden = width * base_width // 64 * groups
        self.conv1 = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, width * expansion, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Trunk):
    """Residual network of four layers.

    Args:
        block: BasicBlock or Bottleneck.
        depths: blocks in each of the four layers.
        num_outputs: outputs of the head ``fc``.
        groups: groups of the middle convolution (ResNeXt's cardinality).
        base_width: channels of one group in the first layer.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, ...],
        num_outputs: int = 62,
        *,
        groups: int = 1,
        base_width: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for i, depth in enumerate(depths):
            width, blocks = 64 << i, []
            for j in range(depth):
                blocks.append(block(inputs, width, 2 if i > 0 and j == 0 else 1, groups, base_width))
                inputs = width * block.expansion
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.num_features = inputs
        self.fc = nn.Linear(inputs, num_outputs)
        initialize(self)

    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, num_features, H/32, W/32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def resnet34(num_outputs: int = 62) -> ResNet:
    """ResNet-34 (21.3 M parameters in the trunk).

    Example:
        >>> import torch
        >>> resnet34(62)(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """
    return ResNet(BasicBlock, (3, 4, 6, 3), num_outputs)


def resnet50(num_outputs: int = 62) -> ResNet:
    """ResNet-50 (23.5 M parameters in the trunk)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_outputs)


def resnext50_32x4d(num_outputs: int = 62) -> ResNet:
    """ResNeXt-50 32x4d (23.0 M parameters in the trunk)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_outputs, groups=32, base_width=4)
