"""Parameters, multiply-accumulates and the operation count of the published tables, layer by layer."""

import copy
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class LayerCount:
    """One layer: name, type, output shape (without the batch), parameters, MACs and published operations."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    macs: int
    published: int


@dataclass
class Count:
    """Size of a network; the totals are those of its layers plus parameters that belong to no counted layer.

    Attributes:
        parameters: learnable parameters.
        macs: multiply-accumulates of convolutions and linear layers for one image.
        published: operations in the convention that reproduces the published tables of this field: MACs of convolutions
            (2 inputs - 1 for each output of a linear layer), 4 for each element of a BatchNorm, 1 for each of a ReLU,
            the additions of poolings; a module called several times counts once, functional operations do not count.
        layers: one row for each layer, in the order of execution.
    """

    parameters: int
    macs: int = 0
    published: int = 0
    layers: list[LayerCount] = field(default_factory=list)

    def __str__(self) -> str:
        rows = [(r.name, r.kind, "x".join(map(str, r.output)), r.parameters, r.macs, r.published) for r in self.layers]
        rows.append(("total", "", "", self.parameters, self.macs, self.published))
        width = max(len(row[0]) for row in rows)
        lines = [f"{'layer':{width}}  {'type':18} {'output':>14} {'parameters':>12} {'MACs':>15} {'published':>15}"]
        lines += [f"{n:{width}}  {k:18} {o:>14} {p:>12,} {m:>15,} {t:>15,}" for n, k, o, p, m, t in rows]
        return "\n".join(lines)


def count(module: nn.Module, input_size: int | tuple[int, int] = 120) -> Count:
    """Counts a network on one image of 3 channels; nothing is computed, only shapes are propagated.

    Args:
        module: any network taking (1, 3, H, W); a method is counted by its ``network``.
        input_size: H = W, or (H, W), in pixels.

    Example:
        >>> from pyface3d.nets import MobileFRTrunk
        >>> count(MobileFRTrunk(62), 120).parameters
        2588526
    """
    module = getattr(module, "network", module)
    height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
    shadow = copy.deepcopy(module).to("meta").eval()
    rows: dict[str, LayerCount] = {}
    for name, layer in shadow.named_modules():
        if not any(layer.children()):
            layer.register_forward_hook(_recorder(rows, name))
    with torch.no_grad():
        shadow(torch.empty(1, 3, height, width, device="meta"))
    total = Count(sum(p.numel() for p in module.parameters()), layers=list(rows.values()))
    total.macs = sum(row.macs for row in total.layers)
    total.published = sum(row.published for row in total.layers)
    return total


def _recorder(rows: dict[str, LayerCount], name: str):
    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        macs = _macs(layer, inputs[0], output)
        parameters = sum(p.numel() for p in layer.parameters(recurse=False))
        published = _published(layer, inputs[0], output, macs)
        if name in rows:  # each call computes; the published count sees the last only
            macs += rows[name].macs
        rows[name] = LayerCount(name, type(layer).__name__, tuple(output.shape[1:]), parameters, macs, published)

    return record


def _macs(layer: nn.Module, x: Tensor, output: Tensor) -> int:
    if isinstance(layer, nn.ConvTranspose2d):  # every input meets the whole kernel
        return x.numel() * layer.out_channels // layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, nn.Conv2d):
        return output.numel() * layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    return 0


def _published(layer: nn.Module, x: Tensor, output: Tensor, macs: int) -> int:
    if isinstance(layer, nn.Linear):
        return output.numel() * (2 * layer.in_features - 1)
    if isinstance(layer, nn.BatchNorm2d):
        return 4 * x.numel()
    if isinstance(layer, nn.ReLU | nn.ReLU6):
        return x.numel()
    if isinstance(layer, nn.AdaptiveAvgPool2d):
        return x.numel()
    if isinstance(layer, nn.AvgPool2d):
        return output.numel() * _taps(layer.kernel_size)
    if isinstance(layer, nn.MaxPool2d):
        return output.numel() * (_taps(layer.kernel_size) - 1)
    return macs


def _taps(kernel: int | tuple[int, int]) -> int:
    return kernel**2 if isinstance(kernel, int) else math.prod(kernel)
