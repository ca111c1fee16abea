"""The trunk of Mobile-FRNet (Li et al., ICPR 2020): MobileNetV2's table with multi-scale blocks and two attentions.

The slides name the parts but not their details; every open choice is an argument. The defaults fit the published sizes
(2.40 M and 2.60 M parameters) as well as several other choices do: they are ours, not the paper's.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pyface3d.nets.attention import SpatialGroupEnhance, SqueezeExcitation
from pyface3d.nets.layers import Trunk, conv_bn, initialize
from pyface3d.nets.mobile_folded import FoldedMobileBlock
from pyface3d.nets.mobilenet_v2 import LAYERS


class MultiScaleDepthwise(nn.Module):
    """Depthwise convolutions of several kernel sizes, each on its share of the channels, concatenated.

    A share with kernel 1 passes through (average-pooled 3x3 at stride 2, as in Res2Net). With ``hierarchical`` and at
    stride 1 each convolution after the first also sees the output of the one before it.
    """

    def __init__(self, channels: int, kernels: tuple[int, ...], stride: int, hierarchical: bool) -> None:
        super().__init__()
        share, rest = divmod(channels, len(kernels))
        self.sizes = [share + (i < rest) for i in range(len(kernels))]
        self.hierarchical = hierarchical and stride == 1 and rest == 0
        self.branches = nn.ModuleList(_branch(size, k, stride) for size, k in zip(self.sizes, kernels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, channels, H / stride, W / stride)."""
        outputs: list[Tensor] = []
        previous = None
        parts = x.split(self.sizes, 1)
        for i, branch in enumerate(self.branches):
            part = parts[i]
            if isinstance(branch, nn.Conv2d):
                part = part if previous is None else part + previous
                part = branch(part)
                previous = part if self.hierarchical else None
            else:
                part = branch(part)
            outputs.append(part)
        return torch.cat(outputs, 1)


def _branch(channels: int, kernel: int, stride: int) -> nn.Module:
    if kernel == 1:
        return nn.Identity() if stride == 1 else nn.AvgPool2d(3, stride, 1)
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


class MobileBlock(nn.Module):
    """1x1 expansion, multi-scale depthwise, group-wise attention, linear 1x1 projection, shortcut."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expansion: int,
        *,
        kernels: tuple[int, ...],
        hierarchical: bool,
        projection: bool,
        expand_first: bool,
        sge_place: str | None,
        sge_groups: int | None,
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = expansion != 1 or expand_first
        self.relu = nn.ReLU(inplace=True)
        self.expand = conv_bn(inputs, hidden, 1, activation=self.relu) if expand else nn.Identity()
        self.depthwise = MultiScaleDepthwise(hidden, kernels, stride, hierarchical)
        self.norm = nn.BatchNorm2d(hidden)
        self.enhance = _enhance(hidden, sge_groups) if sge_place == "middle" else nn.Identity()
        self.project = conv_bn(hidden, outputs, 1)
        self.enhance_output = _enhance(outputs, sge_groups) if sge_place == "output" else nn.Identity()
        self.shortcut: nn.Module | None = None
        if stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        elif projection:
            self.shortcut = conv_bn(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.relu(self.norm(self.depthwise(self.expand(x))))
        y = self.enhance_output(self.project(self.enhance(y)))
        return y if self.shortcut is None else y + self.shortcut(x)

    def folded(self) -> nn.Module:
        """The block as :func:`pyface3d.nets.fold` wants it."""
        return FoldedMobileBlock(self)


def _enhance(channels: int, groups: int | None) -> SpatialGroupEnhance:
    return SpatialGroupEnhance(channels, channels // 2 if groups is None else groups)


class MobileFRTrunk(Trunk):
    """Mobile-FRNet's network.

    Args:
        num_outputs: outputs of the head, a 1x1 convolution.
        attention: False leaves out both attentions (the published ablation).
        scales: shares into which the expanded channels are split.
        kernels: kernel size of each share, ``scales`` of them; None takes 3 for the first half and 5 for the second.
            1 passes its share through.
        hierarchical: at stride 1 each depthwise convolution after the first also sees the one before (Res2Net's idea).
        se_reduction: reduction of the squeeze-and-excitation after each of the seven layers.
        se_tail: reduction of one more squeeze-and-excitation on the 1280-channel map; None: none.
        sge_place: "middle" (on the expanded map), "output" (after the projection) or None.
        sge_groups: groups of the spatial group-wise enhance; None: half as many as channels.
        projection: 1x1 convolution + BatchNorm shortcut where a block changes the shape; False: no shortcut there.
        expand_first: gives the first block (expansion 1) an expansion convolution too.

    Raises:
        ValueError: an argument outside these choices.

    Example:
        >>> import torch
        >>> MobileFRTrunk(62)(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """

    num_features = 1280

    def __init__(
        self,
        num_outputs: int = 62,
        *,
        attention: bool = True,
        scales: int = 2,
        kernels: tuple[int, ...] | None = None,
        hierarchical: bool = True,
        se_reduction: int = 2,
        se_tail: int | None = None,
        sge_place: str | None = "middle",
        sge_groups: int | None = None,
        projection: bool = True,
        expand_first: bool = False,
    ) -> None:
        super().__init__()
        kernels = _check_kernels(scales, kernels)
        if sge_place not in ("middle", "output", None):
            raise ValueError(f"MobileFRTrunk: sge_place must be 'middle', 'output' or None, got {sge_place!r}")
        self.stem = conv_bn(3, 32, 3, 2, activation=nn.ReLU(inplace=True))
        shared: dict[str, Any] = {
            "kernels": kernels, "hierarchical": hierarchical, "projection": projection, "expand_first": expand_first,
            "sge_place": sge_place if attention else None, "sge_groups": sge_groups,
        }  # fmt: skip
        layers, inputs = [], 32
        for expansion, outputs, repeats, first_stride in LAYERS:
            layer: list[nn.Module] = []
            for i in range(repeats):
                layer.append(MobileBlock(inputs, outputs, first_stride if i == 0 else 1, expansion, **shared))
                inputs = outputs
            if attention:
                layer.append(SqueezeExcitation(outputs, se_reduction))
            layers.append(nn.Sequential(*layer))
        self.layers = nn.Sequential(*layers)
        self.tail = conv_bn(inputs, self.num_features, 1, activation=nn.ReLU(inplace=True))
        if attention and se_tail is not None:
            self.tail.append(SqueezeExcitation(self.num_features, se_tail))
        # the table's 1x1 convolution to k channels acts on a 1x1 map: a linear layer with the same weights
        self.fc = nn.Linear(self.num_features, num_outputs)
        initialize(self)

    def forward_features(self, images: Tensor) -> Tensor:
        """Feature map (B, 1280, H/32, W/32)."""
        return self.tail(self.layers(self.stem(images)))


def _check_kernels(scales: int, kernels: tuple[int, ...] | None) -> tuple[int, ...]:
    if scales < 1:
        raise ValueError(f"MobileFRTrunk: scales must be at least 1, got {scales}")
    if kernels is None:
        return tuple(3 if i < (scales + 1) // 2 else 5 for i in range(scales))
    if len(kernels) != scales or any(k < 1 or k % 2 == 0 for k in kernels):
        raise ValueError(f"MobileFRTrunk: kernels must be {scales} odd sizes, one for each scale, got {kernels}")
    return tuple(kernels)
