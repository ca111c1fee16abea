"""Convolutions of deployed networks with their ReLU in one call, by oneDNN, for a few pictures on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

_PACK = "_reorder_convolution_weight"
_MOST = 8  # pictures at a time: above, a convolution takes longer than its call, and torch's own is as fast


def fuse(network: nn.Module) -> nn.Module:
    """Puts each convolution and the ReLU behind it into one :class:`FusedConv`; in place.

    Args:
        network: of :func:`pyface3d.nets.fold`.

    Returns:
        The same network.

    Example:
        >>> from pyface3d.nets import fold, mobilenet_v1
        >>> fused = fuse(fold(mobilenet_v1(62)))
    """
    if not available() or not isinstance(network, GraphModule):
        return network
    modules = dict(network.named_modules())
    for node in list(network.graph.nodes):
        conv = modules.get(node.target) if node.op == "call_module" else None
        if type(conv) is not nn.Conv2d or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            continue
        after = next(iter(node.users)) if len(node.users) == 1 else None
        relu = after is not None and _is_relu(after, modules)
        network.set_submodule(node.target, FusedConv(conv, relu))
        if after is not None and relu:
            after.replace_all_uses_with(node)
            network.graph.erase_node(after)
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def available() -> bool:
    """Whether this torch has oneDNN's fused convolution for this CPU; measured on x86-64 alone."""
    known = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    return known and all(hasattr(torch.ops.mkldnn, name) for name in ("_convolution_pointwise", _PACK))


def _is_relu(node: Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return type(modules.get(str(node.target))) is nn.ReLU
    return node.op == "call_function" and node.target in (torch.relu, torch.relu_, nn.functional.relu)


class FusedConv(nn.Module):
    """A convolution, with a ReLU or without.

    Its weights are laid out once as oneDNN wants them. Many pictures, other devices and types, gradients, autocast and
    tracing get torch's own operators.

    Args:
        conv: the convolution, padded with zeros.
        relu: whether a ReLU follows.
    """

    def __init__(self, conv: nn.Conv2d, relu: bool) -> None:
        super().__init__()
        self.conv, self.relu = conv, relu
        self._layout = [list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups]
        self._packed: tuple[Any, Tensor] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, H', W')."""
        if not is_plain(images, self.conv):
            output = self.conv(images)
            return torch.relu_(output) if self.relu else output  # a function that fuse() knows again
        weight, known = self.conv.weight, self._packed
        state = version_of(weight)
        if known is None or known[0] != state:
            packed = getattr(torch.ops.mkldnn, _PACK)(weight, *self._layout, list(images.shape))
            self._packed = known = state, packed
        behind = "relu" if self.relu else "none"
        return torch.ops.mkldnn._convolution_pointwise(images, known[1], self.conv.bias, *self._layout, behind, [], "")

    def __getstate__(self) -> dict[str, Any]:
        """A copy lays out its own weights: oneDNN's layout cannot be copied."""
        return {**self.__dict__, "_packed": None}


def is_plain(images: Tensor, conv: nn.Conv2d) -> bool:
    """Whether a call is for kernels of few pictures: float32 on a CPU, nothing differentiated, traced or cast.

    The weight is not looked at before that: a tracer would note it.
    """
    if type(images) is not Tensor or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    plain = images.device.type == "cpu" and images.dtype == conv.weight.dtype == torch.float32
    watched = torch.is_grad_enabled() and (images.requires_grad or conv.weight.requires_grad)
    return plain and 0 < len(images) <= _MOST and not watched and not torch.is_autocast_enabled("cpu")


def version_of(tensor: Tensor | None) -> tuple[int, int] | None:
    """What changes with a tensor's numbers: where they lie, and how often they were written."""
    return None if tensor is None else (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
