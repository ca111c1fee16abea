"""Pieces shared by the trunks: convolution with BatchNorm, initialization, and the trunk base class."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


def conv_bn(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, groups: int = 1, activation: nn.Module | None = None
) -> nn.Sequential:
    """Convolution without bias, BatchNorm and an optional activation; padded so that stride 1 keeps the size."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
    if activation is not None:
        layers.append(activation)
    return nn.Sequential(*layers)


def initialize(network: nn.Module) -> None:
    """He initialization of every convolution (fan out); linear layers and BatchNorm keep torch's own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Trunk(nn.Module, ABC):
    """Image -> feature map -> pooled features -> outputs.

    A subclass implements :meth:`forward_features` and defines its head under the name in ``head_name``; its parameters
    carry the names of the public weights it loads.
    """

    head_name = "fc"
    num_features: int

    def __init__(self) -> None:
        super().__init__()
        self.pool: nn.Module = nn.AdaptiveAvgPool2d(1)

    @abstractmethod
    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, num_features, h, w) of images (B, 3, H, W)."""

    def forward(self, images: Tensor) -> Tensor:
        """Outputs (B, num_outputs) of images (B, 3, H, W)."""
        features = self.pool(self.forward_features(images)).flatten(1)  # (B, num_features)
        return self.head(features)

    @property
    def head(self) -> nn.Module:
        """The layer that turns pooled features into outputs."""
        return getattr(self, self.head_name)
