"""The two attentions of Mobile-FRNet: squeeze-and-excitation and spatial group-wise enhance."""

import torch
from torch import Tensor, nn

from pyface3d.nets.group_enhance import EPSILON, TINY, GroupEnhance


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
    needs one factor for each group, few passes over the map suffice.

    Args:
        channels: channels of the map.
        groups: number of groups; must divide the channels.
        blocks: order of the channels: in each block the first channels of all its groups come first, then the second
            ones, ... None: as many blocks as groups, so each group is a run of channels as in the published code. Fewer
            blocks make long runs to work on, for channels that were sorted so.
    """

    def __init__(self, channels: int, groups: int, blocks: int | None = None) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise ValueError(f"SpatialGroupEnhance: groups must divide the {channels} channels, got {groups}")
        self.blocks = groups if blocks is None else blocks
        self.size = channels // groups
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.weight = nn.Parameter(torch.zeros(groups))
        self.bias = nn.Parameter(torch.ones(groups))

    def forward(self, x: Tensor) -> Tensor:
        """Scales x (B, C, H, W) by one gate for each sample, group and pixel."""
        if self._learns_channels_last(x):
            return GroupEnhance.apply(x, self.weight, self.bias)
        means = self._grouped(self.pool(x))  # (B, blocks, size, G / blocks, 1, 1)
        grouped = self._grouped(x)  # (B, blocks, size, G / blocks, H, W)
        similarity = -means.square().sum(2)  # minus the mean of m: m comes out centered
        for i in range(self.size):
            similarity = torch.addcmul(similarity, grouped[:, :, i], means[:, :, i])
        freedom = torch.sym_max(x.shape[2] * x.shape[3] - 1, 1)  # a map of one pixel deviates by nothing, not by 0 / 0
        variance = similarity.square().sum((3, 4), keepdim=True) / freedom
        std = variance.clamp(min=TINY).sqrt()
        weight, bias = (p.view(self.blocks, -1, 1, 1) for p in (self.weight, self.bias))
        gate = torch.addcmul(bias, similarity, weight / (std + EPSILON)).sigmoid()  # (B, blocks, G / blocks, H, W)
        return (grouped * gate[:, :, None]).flatten(1, 3)

    def _learns_channels_last(self, x: Tensor) -> bool:
        """Whether the written-out gradient is for this call: a training step as the trainer lays maps out."""
        if torch.compiler.is_compiling() or not (self.training and torch.is_grad_enabled()):
            return False
        plain = x.dtype == self.weight.dtype and not torch.is_autocast_enabled(x.device.type)
        return plain and self.blocks == len(self.weight) and x.is_contiguous(memory_format=torch.channels_last)

    def _grouped(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.blocks, self.size, -1))
