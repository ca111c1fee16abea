"""MobileNetV2 (Sandler et al. 2018) with torchvision's parameter names, and its variant with projection shortcuts."""

from torch import Tensor, nn

from pyface3d.nets.layers import Trunk, conv_bn, initialize

# expansion, channels, repeats, stride of the first repeat (Sandler et al., table 2)
LAYERS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise and linear 1x1 projection, added to the shortcut where there is one."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, *, project: bool, expand_first: bool):
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1 or expand_first:
            layers.append(conv_bn(inputs, hidden, 1, activation=nn.ReLU6(inplace=True)))
        layers.append(conv_bn(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6(inplace=True)))
        layers += conv_bn(hidden, outputs, 1)
        self.conv = nn.Sequential(*layers)
        self.identity = stride == 1 and inputs == outputs
        self.downsample = conv_bn(inputs, outputs, 1, stride) if project and not self.identity else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.conv(x)
        if self.identity:
            return x + y
        return y if self.downsample is None else y + self.downsample(x)


class MobileNetV2(Trunk):
    """MobileNetV2 of width 1.

    Args:
        num_outputs: outputs of the head ``classifier.1``.
        projection: adds 1x1 convolution + BatchNorm shortcuts to the blocks that change the shape. torchvision's
            network has none; the baseline of DAMDNet's and Mobile-FRNet's tables (2.38 M parameters) appears to have
            them, which is inferred from the parameter count alone.
        expand_first: gives the first block (expansion 1) an expansion convolution too.
        dropout: dropout before the head.
    """

    head_name = "classifier"
    num_features = 1280

    def __init__(
        self, num_outputs: int = 62, *, projection: bool = False, expand_first: bool = False, dropout: float = 0.2
    ) -> None:
        super().__init__()
        features: list[nn.Module] = [conv_bn(3, 32, 3, 2, activation=nn.ReLU6(inplace=True))]
        inputs = 32
        for expansion, outputs, repeats, first_stride in LAYERS:
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                features.append(
                    InvertedResidual(inputs, outputs, stride, expansion, project=projection, expand_first=expand_first)
                )
                inputs = outputs
        features.append(conv_bn(inputs, self.num_features, 1, activation=nn.ReLU6(inplace=True)))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.num_features, num_outputs))
        initialize(self)

    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, 1280, H/32, W/32)."""
        return self.features(images)


def mobilenet_v2(num_outputs: int = 62, *, projection: bool = False, expand_first: bool = False) -> MobileNetV2:
    """MobileNetV2; see :class:`MobileNetV2` for the arguments."""
    return MobileNetV2(num_outputs, projection=projection, expand_first=expand_first)
