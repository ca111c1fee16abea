"""PRNet's residual encoder and transposed-convolution decoder (Feng et al., ECCV 2018), resfcn256.

TensorFlow's SAME padding with its even 4x4 kernels is reproduced: stride 1 pads 1 before and 2 after, stride 2 pads 1
on both sides; a transposed convolution of stride 1 loses the last row and column of torch's result with padding 1.
"""

import math

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pyface3d.nets.layers import initialize

_BOTTLENECK_SIDE = 8


def same_conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """4x4 convolution with TensorFlow's SAME padding, BatchNorm and ReLU; no bias."""
    pad = nn.ZeroPad2d((1, 2, 1, 2) if stride == 1 else 1)
    conv = nn.Conv2d(inputs, outputs, 4, stride, bias=False)
    return nn.Sequential(pad, conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class SameTransposedConv(nn.Module):
    """4x4 transposed convolution with TensorFlow's SAME padding, BatchNorm and an activation; no bias."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU(inplace=True) if activation is None else activation

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H * stride, W * stride)."""
        y = self.conv(x)
        if self.stride == 1:
            y = y[..., :-1, :-1]  # torch's result with padding 1 is one pixel larger than SAME
        return self.activation(self.norm(y))

    def folded(self) -> nn.Module:
        """As :func:`pyface3d.nets.fold` wants it: at stride 1 a plain convolution with the kernel turned round."""
        fused = fuse_conv_bn_eval(self.conv, self.norm, transpose=True)
        if self.stride > 1:
            return nn.Sequential(fused, self.activation)
        conv = nn.Conv2d(fused.in_channels, fused.out_channels, 4)
        assert conv.bias is not None and fused.bias is not None
        conv.weight.data = fused.weight.data.flip(2, 3).transpose(0, 1).contiguous()
        conv.bias.data = fused.bias.data
        return nn.Sequential(nn.ZeroPad2d((2, 1, 2, 1)), conv, self.activation).requires_grad_(False)


class ResidualBlock(nn.Module):
    """1x1, 4x4, 1x1 bottleneck; BatchNorm and ReLU follow the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        hidden = outputs // 2
        self.reduce = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(inplace=True)
        )
        self.conv = same_conv(hidden, hidden, stride)
        self.expand = nn.Conv2d(hidden, outputs, 1, bias=False)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.expand(self.conv(self.reduce(x))) + self.shortcut(x)
        return self.relu(self.norm(y))


class PositionMapEncoder(nn.Module):
    """Image (B, 3, size, size) -> features (B, num_features, 8, 8)."""

    def __init__(self, size: int = 256, width: int = 16) -> None:
        super().__init__()
        levels = _levels("PositionMapEncoder", size)
        channels = [width << i for i in range(levels + 1)]
        self.num_features = channels[-1]
        self.stem = same_conv(3, width, 1)
        blocks: list[nn.Module] = []
        for inputs, outputs in zip(channels, channels[1:]):
            blocks += [ResidualBlock(inputs, outputs, 2), ResidualBlock(outputs, outputs, 1)]
        self.blocks = nn.Sequential(*blocks)
        initialize(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) -> (B, num_features, 8, 8)."""
        return self.blocks(self.stem(images))


class PositionMapDecoder(nn.Module):
    """Features (B, num_features, 8, 8) -> map (B, 3, size, size) in (0, 1).

    At size 256 and 512 features these are resfcn256's 17 layers: each doubling of the side halves the channels and is
    followed by one or, above 32 channels, two layers of stride 1; three layers of 3 channels end it.
    """

    def __init__(self, size: int = 256, num_features: int = 512, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [SameTransposedConv(num_features, num_features, 1)]
        channels = num_features
        for _ in range(_levels("PositionMapDecoder", size)):
            outputs = channels // 2
            repeats = 2 if outputs > 2 * width else 1
            layers.append(SameTransposedConv(channels, outputs, 2))
            layers += [SameTransposedConv(outputs, outputs, 1) for _ in range(repeats)]
            channels = outputs
        layers += [SameTransposedConv(channels, 3, 1), SameTransposedConv(3, 3, 1)]
        layers.append(SameTransposedConv(3, 3, 1, nn.Sigmoid()))
        self.layers = nn.Sequential(*layers)
        initialize(self)

    def forward(self, features: Tensor) -> Tensor:
        """(B, num_features, 8, 8) -> (B, 3, size, size)."""
        return self.layers(features)


class ResFCN(nn.Module):
    """The whole of resfcn256, or a smaller one.

    Args:
        size: side of the input image, 8 times a power of two.
        map_size: side of the map; None: ``size``. A smaller map ends the decoder earlier.
        width: channels of the first layer; the bottleneck has ``width * size / 8``.

    Example:
        >>> sum(p.numel() for p in ResFCN().parameters())
        13353618
    """

    def __init__(self, size: int = 256, map_size: int | None = None, width: int = 16) -> None:
        super().__init__()
        self.encoder = PositionMapEncoder(size, width)
        self.decoder = PositionMapDecoder(map_size or size, self.encoder.num_features, width)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, size, size) -> (B, 3, map_size, map_size)."""
        return self.decoder(self.encoder(images))


def _levels(caller: str, size: int) -> int:
    levels = round(math.log2(max(size, 1) / _BOTTLENECK_SIDE))
    if levels < 1 or size != _BOTTLENECK_SIDE << levels:
        raise ValueError(f"{caller}: size must be 16, 32, 64, 128, 256, ..., got {size}")
    return levels
