"""The deployed form of Mobile-FRNet's block: without BatchNorm, its channels sorted so that attention reads runs."""

import copy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from pyface3d.nets.attention import SpatialGroupEnhance

if TYPE_CHECKING:
    from pyface3d.nets.mobile_frnet import MobileBlock


class FoldedMobileBlock(nn.Module):
    """The same function as a :class:`MobileBlock` in eval mode, in fewer passes over the expanded map.

    Three rewrites: each share of the channels has an expansion of its own, so that no slice is copied; the BatchNorm
    after the concatenation goes into the depthwise convolutions, of which one that feeds the next also runs without it;
    and within each share the channels are sorted by their place in their attention group, which the convolutions on
    both sides absorb.
    """

    def __init__(self, block: "MobileBlock") -> None:
        super().__init__()
        depthwise = block.depthwise
        order, blocks = _channel_order(block)  # (C,): where each channel of the new order was
        shares = order.split(depthwise.sizes)
        scale, shift = _affine(block.norm)
        self.sizes = depthwise.sizes
        self.relu = nn.ReLU(inplace=True)
        self.expand = None if isinstance(block.expand, nn.Identity) else _split_expansion(block.expand, shares)
        self.branches, self.feeds = nn.ModuleList(), nn.ModuleList()
        self.chained = [isinstance(branch, nn.Conv2d) for branch in depthwise.branches]
        for i, (branch, share) in enumerate(zip(depthwise.branches, shares)):
            conv = _as_convolution(branch, len(share), scale.dtype)
            rows = share - sum(self.sizes[:i])
            feeding = depthwise.hierarchical and self.chained[i] and any(self.chained[i + 1 :])
            self.branches.append(_rewritten(conv, scale[share], shift[share], rows=rows))
            self.feeds.append(_rewritten(conv, rows=rows) if feeding else nn.Identity())
        self.hierarchical = depthwise.hierarchical
        self.enhance = _with_blocks(block.enhance, blocks)
        project, norm = _conv_and_norm(block.project)
        self.project = _rewritten(project, *_affine(norm), columns=order)
        self.enhance_output = copy.deepcopy(block.enhance_output)
        self.shortcut = copy.deepcopy(block.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        parts = x.split(self.sizes, 1) if self.expand is None else [self.relu(expand(x)) for expand in self.expand]
        outputs: list[Tensor] = []
        previous = None
        for i, (branch, feed) in enumerate(zip(self.branches, self.feeds)):
            part = parts[i] if previous is None or not self.chained[i] else parts[i] + previous
            outputs.append(branch(part))
            if self.hierarchical and self.chained[i]:
                previous = feed(part)
        y = self.enhance(self.relu(torch.cat(outputs, 1)))
        y = self.enhance_output(self.project(y))
        return y if self.shortcut is None else y + self.shortcut(x)


def _channel_order(block: "MobileBlock") -> tuple[Tensor, int | None]:
    """Channels sorted within each share by their place in their group, and the number of blocks this makes."""
    sizes, enhance = block.depthwise.sizes, block.enhance
    channels = sum(sizes)
    if not isinstance(enhance, SpatialGroupEnhance) or not isinstance(block.expand, nn.Sequential):
        return torch.arange(channels), None
    if len(set(sizes)) > 1 or sizes[0] % enhance.size:
        return torch.arange(channels), None
    # (shares, groups of a share, members) -> (shares, members, groups)
    order = torch.arange(channels).view(len(sizes), -1, enhance.size).mT.flatten()
    return order, len(sizes)


def _with_blocks(enhance: nn.Module, blocks: int | None) -> nn.Module:
    enhance = copy.deepcopy(enhance)
    if blocks is not None:
        assert isinstance(enhance, SpatialGroupEnhance)
        enhance.blocks = blocks
    return enhance


def _conv_and_norm(layers: nn.Sequential) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    return cast(nn.Conv2d, layers[0]), cast(nn.BatchNorm2d, layers[1])


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and offset (C,) of a BatchNorm in eval mode."""
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _split_expansion(expand: nn.Sequential, shares: tuple[Tensor, ...]) -> nn.ModuleList:
    conv, norm = _conv_and_norm(expand)
    scale, shift = _affine(norm)
    return nn.ModuleList(_rewritten(conv, scale[rows], shift[rows], rows=rows) for rows in shares)


def _as_convolution(branch: nn.Module, channels: int, dtype: torch.dtype) -> nn.Conv2d:
    """A depthwise branch as a convolution: also the pass-through (1x1 of ones) and the 3x3 average."""
    if isinstance(branch, nn.Conv2d):
        return branch
    kernel = 1 if isinstance(branch, nn.Identity) else 3
    stride = branch.stride if isinstance(branch, nn.AvgPool2d) else 1
    conv = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False, dtype=dtype)
    nn.init.constant_(conv.weight, 1 / kernel**2)
    return conv


def _rewritten(
    conv: nn.Conv2d,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    *,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
) -> nn.Conv2d:
    """A copy with output channels ``rows``, input channels ``columns``, and a following affine map folded in."""
    weight = conv.weight.detach()
    weight = weight if rows is None else weight[rows]
    weight = weight if columns is None else weight[:, columns]
    groups = len(weight) if conv.groups > 1 else 1
    window: dict[str, Any] = {"kernel_size": conv.kernel_size, "stride": conv.stride, "padding": conv.padding}
    new = nn.Conv2d(weight.shape[1] * groups, len(weight), **window, groups=groups, bias=shift is not None)
    new.weight.data = weight if scale is None else weight * scale.detach().view(-1, 1, 1, 1)
    if shift is not None:
        assert new.bias is not None
        new.bias.data = shift.detach().clone()
    return new.requires_grad_(False)
