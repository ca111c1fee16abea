"""The two attentions of Mobile-FRNet: squeeze-and-excitation and spatial group-wise enhance."""

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Channel attention (Hu et al. 2018): pool, two linear layers without bias, sigmoid, scale.

    Args:
        channels: channels of the map.
        reduction: the hidden layer has ``channels // reduction`` units.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scales x (B, C, H, W) by one gate for each sample and channel."""
        pooled = self.pool(x).flatten(1)  # (B, C)
        gate = self.excite(self.relu(self.squeeze(pooled))).sigmoid()
        return x * gate[:, :, None, None]


class SpatialGroupEnhance(nn.Module):
    """Spatial attention in groups of channels (Li et al. 2019, "Spatial Group-wise Enhance").

    Per group: m = sum over its channels of x * mean(x), t = w (m - mean(m)) / (std(m) + 1e-5) + b with the unbiased
    standard deviation, output x * sigmoid(t). As mean(m) is the sum of the squared channel means, and as the affine map
    needs one factor and one offset per group, the map is passed over five times instead of nine.

    Args:
        channels: channels of the map.
        groups: number of groups; must divide the channels.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise ValueError(f"SpatialGroupEnhance: groups must divide the {channels} channels, got {groups}")
        self.groups = groups
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weight = nn.Parameter(torch.zeros(groups))
        self.bias = nn.Parameter(torch.ones(groups))

    def forward(self, x: Tensor) -> Tensor:
        """Scales x (B, C, H, W) by one gate for each sample, group and pixel."""
        grouped = x.unflatten(1, (self.groups, -1))  # (B, G, C/G, H, W)
        means = self.pool(x).unflatten(1, (self.groups, -1))  # (B, G, C/G, 1, 1)
        similarity = (grouped * means).sum(2)  # (B, G, H, W)
        std, mean = torch.std_mean(similarity, (2, 3), keepdim=True)  # (B, G, 1, 1)
        factor = self.weight[:, None, None] / (std + 1e-5)
        offset = self.bias[:, None, None] - mean * factor
        gate = torch.addcmul(offset, similarity, factor).sigmoid()
        return (grouped * gate[:, :, None]).flatten(1, 2)
