"""One encoder with a shape head and an attribute head, the network of the joint method (Weng et al., ICPR 2020)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pyface3d.nets.layers import conv_bn
from pyface3d.nets.resfcn import PositionMapDecoder, PositionMapEncoder
from pyface3d.nets.resnet import resnet50

_RESNET_CHANNELS = 512  # resfcn256's bottleneck


class AttributeHead(nn.Module):
    """Pooled features -> hidden layer -> one linear layer for each group of attributes.

    Args:
        features: channels of the shared feature map.
        groups: group name to the places its attributes have among the outputs.
        dropout: before the group layers.
    """

    order: Tensor

    def __init__(self, features: int, groups: Mapping[str, Sequence[int]], dropout: float = 0.5) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Sequential(
            nn.Linear(features, features), nn.BatchNorm1d(features), nn.ReLU(inplace=True), nn.Dropout(dropout)
        )
        self.groups = nn.ModuleDict({group: nn.Linear(features, len(places)) for group, places in groups.items()})
        places = torch.tensor([place for members in groups.values() for place in members])
        self.register_buffer("order", places.argsort(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, features, h, w) -> logits (B, A)."""
        hidden = self.hidden(self.pool(features).flatten(1))
        return torch.cat([layer(hidden) for layer in self.groups.values()], 1)[:, self.order]


class ParameterHead(nn.Module):
    """Pooled features -> parameters."""

    def __init__(self, features: int, n_params: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(features, n_params)

    def forward(self, features: Tensor) -> Tensor:
        """(B, features, h, w) -> (B, n_params)."""
        return self.fc(self.pool(features).flatten(1))


class ResNetEncoder(nn.Module):
    """ResNet-50 without its head, reduced to the channels of resfcn256's bottleneck."""

    num_features = _RESNET_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.trunk = resnet50(1)
        del self.trunk.fc
        self.reduce = conv_bn(self.trunk.num_features, self.num_features, 1, activation=nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 512, H/32, W/32)."""
        return self.reduce(self.trunk.forward_features(images))


class JointNetwork(nn.Module):
    """Shared encoder, shape head and attribute head.

    Args:
        groups: see :class:`AttributeHead`.
        n_params: None for a position map, or the number of parameters the shape head regresses instead.
        backbone: "resfcn" or "resnet50".
        size: side of the input; 256 where a ResNet feeds a position map.
        width: channels of resfcn's first layer.

    Raises:
        ValueError: an unknown backbone, or a size that it cannot take.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[int]],
        n_params: int | None = None,
        backbone: str = "resfcn",
        size: int = 256,
        width: int = 16,
    ) -> None:
        super().__init__()
        if backbone not in ("resfcn", "resnet50"):
            raise ValueError(f"JointNetwork: backbone must be 'resfcn' or 'resnet50', got {backbone!r}")
        if backbone == "resnet50" and n_params is None and size != 256:
            raise ValueError(f"JointNetwork: resnet50 feeds a position map at size 256 only, got {size}")
        self.encoder = ResNetEncoder() if backbone == "resnet50" else PositionMapEncoder(size, width)
        features = self.encoder.num_features
        self.shape = (
            PositionMapDecoder(size, features, width) if n_params is None else ParameterHead(features, n_params)
        )
        self.attributes = AttributeHead(features, groups)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Shape, maps (B, 3, size, size) in (0, 1) or (B, n_params), and attribute logits (B, A)."""
        features = self.encoder(images)
        return self.shape(features), self.attributes(features)
