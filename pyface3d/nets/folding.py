"""BatchNorm folded into the convolutions before it, for inference."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold(network: nn.Module) -> nn.Module:
    """Returns a copy for inference: BatchNorm folded into convolutions, weights in channels_last.

    A module that knows better than the general rule (convolution, then BatchNorm) says so by a method ``folded()``,
    which returns its replacement.

    Args:
        network: any network that ``torch.fx`` can trace; it is not changed.

    Returns:
        A ``torch.fx.GraphModule`` in eval mode with the same outputs, up to rounding.

    Example:
        >>> from pyface3d.nets import MobileFRTrunk
        >>> deployed = fold(MobileFRTrunk(62))
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    _replace(network)
    traced = torch.fx.symbolic_trace(network)
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        conv = modules.get(before.target) if before.op == "call_module" else None
        if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) or len(before.users) > 1:
            continue
        fused = fuse_conv_bn_eval(conv, modules[node.target], isinstance(conv, nn.ConvTranspose2d))
        traced.set_submodule(before.target, fused)
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        folded = getattr(child, "folded", None)
        if folded is not None:
            setattr(module, name, folded())
        else:
            _replace(child)
