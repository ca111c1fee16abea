"""MobileNetV1 (Howard et al. 2017) in the form and with the parameter names of 3DDFA and 3DDFA_V2."""

import torch
from torch import Tensor, nn

from pyface3d.nets.layers import Trunk, initialize

# name, output channels at width 1, stride
_BLOCKS = (
    ("dw2_1", 64, 1),
    ("dw2_2", 128, 2),
    ("dw3_1", 128, 1),
    ("dw3_2", 256, 2),
    ("dw4_1", 256, 1),
    ("dw4_2", 512, 2),
    *((f"dw5_{i}", 512, 1) for i in range(1, 6)),
    ("dw5_6", 1024, 2),
    ("dw6", 1024, 1),
)


class DepthwiseBlock(nn.Module):
    """3x3 depthwise and 1x1 convolution, each with BatchNorm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.bn_dw = nn.BatchNorm2d(inputs)
        self.conv_sep = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn_sep = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        x = self.relu(self.bn_dw(self.conv_dw(x)))
        return self.relu(self.bn_sep(self.conv_sep(x)))


class WeightedPool(nn.Module):
    """Means of a map over its places, with learned weights for each channel: a global depthwise convolution.

    Where a feature lies in the map tells where a point of the face lies, and a plain mean forgets it (Chen et al. 2018,
    "MobileFaceNets", section 3.1).

    Args:
        channels: of the map.
        kernels: weightings of each channel; the first starts as the mean, so that weights trained with a mean still
            fit. As many as the map has places: each starts as one place, and the features are the whole map.
        side: of the map.

    Example:
        >>> WeightedPool(8, 3, 4)(torch.zeros(2, 8, 4, 4)).shape
        torch.Size([2, 24, 1, 1])
    """

    def __init__(self, channels: int, kernels: int, side: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels * kernels, side, groups=channels, bias=False)
        with torch.no_grad():
            self.conv.weight.mul_(0.3)[::kernels] = 1 / side**2
            if kernels == side**2:
                self.conv.weight.copy_(torch.eye(kernels).reshape(kernels, 1, side, side).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, side, side) -> (B, channels * kernels, 1, 1)."""
        return self.conv(x)


class MobileNetV1(Trunk):
    """3DDFA's MobileNet.

    Args:
        num_outputs: outputs of the head.
        width: channel multiplier; 3DDFA's released networks use 1.0 and 0.5 (``mb1``, ``mb05``).
        head_name: name of the head: ``fc`` in 3DDFA, ``fc_param`` in ``mb05``.
        kernels: 0: features are means over the map; else so many learned weightings of the map's places for each
            channel (:class:`WeightedPool`), the first of which starts as the mean. For pictures of ``size`` alone.
        size: side of the pictures in pixels, where ``kernels`` are asked for.
    """

    def __init__(
        self,
        num_outputs: int = 62,
        *,
        width: float = 1.0,
        head_name: str = "fc",
        kernels: int = 0,
        size: int = 120,
    ) -> None:
        super().__init__()
        self.head_name = head_name
        channels = int(32 * width)
        self.conv1 = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        for name, outputs, stride in _BLOCKS:
            outputs = int(outputs * width)
            self.add_module(name, DepthwiseBlock(channels, outputs, stride))
            channels = outputs
        self.num_features = channels * max(1, kernels)
        self.add_module(head_name, nn.Linear(self.num_features, num_outputs))
        initialize(self)
        if kernels:
            self.pool = WeightedPool(channels, kernels, -(-size // 32))

    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, num_features, H/32, W/32)."""
        return self.maps(images, ("dw6",))[0]

    def maps(self, images: Tensor, names: tuple[str, ...]) -> list[Tensor]:
        """What the blocks of these names, in the order of the network, make of images (B, 3, H, W)."""
        x, kept = self.relu(self.bn1(self.conv1(images))), []
        for name, _, _ in _BLOCKS:
            x = getattr(self, name)(x)
            if name in names:
                kept.append(x)
        return kept


def mobilenet_v1(num_outputs: int = 62, *, width: float = 1.0, kernels: int = 0, size: int = 120) -> MobileNetV1:
    """MobileNetV1 as 3DDFA has it; see :class:`MobileNetV1` for the arguments."""
    return MobileNetV1(num_outputs, width=width, kernels=kernels, size=size)
