"""A deployed MobileNet in one call of the library's own op, for a few pictures on a CPU."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from pyface3d import ops
from pyface3d.methods.fused import FusedConv, is_plain, version_of
from pyface3d.ops.mobilenet import pack_layer

_WIDTH = 16  # channels come in so many


def fuse_mobilenet(network: nn.Module) -> nn.Module:
    """Puts stem, blocks of separable convolutions and head into one :class:`FusedMobilenet`.

    Args:
        network: of :func:`pyface3d.methods.fused.fuse`; changed in place.

    Returns:
        The same network; as it was where it is another kind of network.

    Example:
        >>> from pyface3d.methods.fused import fuse
        >>> from pyface3d.nets import fold, mobilenet_v1
        >>> network = fuse_mobilenet(fuse(fold(mobilenet_v1(62))))
    """
    if not isinstance(network, GraphModule):
        return network
    modules = dict(network.named_modules())
    nodes = list(_chain(network, modules))
    called = [modules.get(str(node.target)) if node.op == "call_module" else None for node in nodes]
    convs = [module for module in called[:-3] if isinstance(module, FusedConv)]
    if len(called) < 6 or len(called) != len(convs) + 3 or not all(map(_fits, convs, range(len(convs)))):
        return network
    pool, flatten, head = called[-3], nodes[-2], called[-1]
    layers = {node: k // 2 for k, node in enumerate(nodes) if k % 2 == 0 and k < len(convs)}
    shared = [node for node in nodes[:-1] if len(node.users) > 1]
    if len(convs) % 2 == 0 or not _is_head(convs[-1], pool, flatten, head) or not layers.keys() >= set(shared):
        return network
    kept = [layers[node] for node in shared]
    network.add_submodule("fused", FusedMobilenet(convs, pool, head, kept))  # type: ignore[arg-type]
    with network.graph.inserting_after(nodes[0].all_input_nodes[0]):
        one = network.graph.call_module("fused", nodes[0].args)
    for place, node in reversed(list(enumerate([nodes[-1], *shared] if kept else []))):
        with network.graph.inserting_after(one):
            answer = network.graph.call_function(operator.getitem, (one, place))
        node.replace_all_uses_with(answer)
    if not kept:
        nodes[-1].replace_all_uses_with(one)
    for node in reversed(nodes):
        network.graph.erase_node(node)
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _chain(network: GraphModule, modules: Mapping[str, nn.Module]) -> Iterator[Node]:
    """The nodes behind the picture, each the only layer among the users of the one before."""
    node = next(node for node in network.graph.nodes if node.op == "placeholder")
    while (behind := _behind(node, modules)) is not None:
        yield (node := behind)


def _behind(node: Node, modules: Mapping[str, nn.Module]) -> Node | None:
    """The only user of a node; of several the only one that is a convolution, a mean or a linear function."""
    users = [user for user in node.users if user.op != "output"]
    if len(users) > 1:
        kinds = FusedConv, nn.AdaptiveAvgPool2d
        users = [user for user in users if isinstance(modules.get(str(user.target)), kinds)]
    return users[0] if len(users) == 1 else None


def _fits(fused: FusedConv, place: int) -> bool:
    """Whether a convolution is what the op has there: the stem, then pairs of one by channel and one by pixel."""
    conv = fused.conv
    by_channel, by_pixel = place % 2 == 1, place > 0 and place % 2 == 0
    side = 1 if by_pixel else 3
    shape = conv.kernel_size == (side, side) and conv.padding == (side // 2, side // 2) and conv.dilation == (1, 1)
    steps = conv.stride in (((1, 1),) if by_pixel else ((1, 1), (2, 2)))
    groups = conv.groups == (conv.in_channels if by_channel else 1)
    same = not by_channel or conv.in_channels == conv.out_channels
    known = conv.in_channels == 3 if place == 0 else conv.in_channels % _WIDTH == 0
    return fused.relu and shape and steps and groups and same and known and conv.out_channels % _WIDTH == 0


def _is_head(last: FusedConv, pool: nn.Module | None, flatten: Node, head: nn.Module | None) -> bool:
    """Whether means or weighted sums over the last map and a linear function of them follow."""
    if isinstance(pool, FusedConv):
        conv = pool.conv
        pooled = not pool.relu and conv.groups == conv.in_channels and conv.padding == (0, 0) and conv.bias is None
    else:
        pooled = isinstance(pool, nn.AdaptiveAvgPool2d) and pool.output_size in (1, (1, 1))
    flat = flatten.op == "call_method" and flatten.target == "flatten" and flatten.args[1:] == (1,)
    return pooled and flat and isinstance(head, nn.Linear)


class FusedMobilenet(nn.Module):
    """A whole network by :func:`pyface3d.ops.mobilenet`; where that does not serve, one layer after the other.

    Args:
        convs: the stem, then of each block the convolution by channel and the one by pixel, all with a ReLU.
        pool: means of each channel over the map, or a convolution as large as the map, by channel.
        head: the linear function.
        kept: layers, of which the stem is one and each block, whose maps are answered too.
    """

    def __init__(self, convs: list[FusedConv], pool: nn.Module, head: nn.Linear, kept: Sequence[int] = ()) -> None:
        super().__init__()
        self.kept = list(kept)
        self.convs, self.pool, self.head = nn.Sequential(*convs), pool, head
        self._parts = [fused.conv for fused in convs]  # looked up in a module, each takes a microsecond
        self._sum = pool.conv if isinstance(pool, FusedConv) else None
        self._wide = -(-head.out_features // _WIDTH) * _WIDTH
        self._channels = [part.out_channels for part in self._parts[::2]] + [self._wide]
        self._strides = [part.stride[0] for part in (self._parts[0], *self._parts[1::2])]
        self._sums = 0 if self._sum is None else self._sum.out_channels // self._sum.in_channels
        self._side = None if self._sum is None else self._sum.kernel_size
        self._packed: tuple[Any, Tensor] | None = None

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(B, 3, H, W) to (B, O), and the maps (B, C, H', W') where layers are kept."""
        if not is_plain(images, self._parts[0]) or not self._is_fitting(*images.shape[2:]):
            return self._by_layers(images)
        parts: list[Any] = [*self._parts, self.head, *([] if self._sum is None else [self._sum])]
        state = [version_of(tensor) for part in parts for tensor in part._parameters.values()]
        if self._packed is None or self._packed[0] != state:
            self._packed = state, self._pack()
        pixels = images.permute(0, 2, 3, 1)
        found = ops.mobilenet(pixels, self._packed[1], self._channels, self._strides, self._sums, self.kept)
        outputs = found[0][:, : self.head.out_features]
        return (outputs, *(part.permute(0, 3, 1, 2) for part in found[1:])) if self.kept else outputs

    def _by_layers(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        maps, x = [], images
        for k, conv in enumerate(self.convs):
            x = conv(x)
            if k % 2 == 0 and k // 2 in self.kept:
                maps.append(x)
        outputs = self.head(self.pool(x).flatten(1))
        return (outputs, *maps) if self.kept else outputs

    def _is_fitting(self, height: int, width: int) -> bool:
        """Whether a convolution as large as the map is as large as this picture's."""
        for stride in self._strides if self._side else ():
            height, width = (height - 1) // stride + 1, (width - 1) // stride + 1
        return self._side in (None, (height, width)) and min(height, width) > 0

    def _pack(self) -> Tensor:
        parts = self._parts
        biases = [torch.zeros(part.out_channels) if part.bias is None else part.bias for part in parts]
        layers = [pack_layer(parts[0].weight, biases[0])]
        for k in range(1, len(parts), 2):
            layers.append(pack_layer(parts[k + 1].weight, biases[k + 1], parts[k].weight, biases[k]))
        head, channels = self.head, parts[-1].out_channels
        matrix = head.weight.new_zeros(self._wide, channels, max(1, self._sums), 1)
        matrix[: head.out_features] = head.weight.view(-1, channels, max(1, self._sums), 1)
        bias = head.weight.new_zeros(self._wide)
        if head.bias is not None:
            bias[: head.out_features] = head.bias
        sums = [] if self._sum is None else [self._sum.weight.unflatten(0, (channels, self._sums))[:, :, 0]]
        return torch.cat([*layers, pack_layer(matrix, bias, *sums)]).detach()

    def __getstate__(self) -> dict[str, Any]:
        """A copy lays out its own weights."""
        return {**self.__dict__, "_packed": None}
