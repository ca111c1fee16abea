"""Starting weights: those of the same network, or a trunk that another one was trained with."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pyface3d.methods import Method
from pyface3d.methods.card import ModelCard, read_card
from pyface3d.nets.weights import read_state


@dataclass
class Start:
    """What of a weight file a network took.

    Attributes:
        file: its name.
        taken: names of the network's tensors that have its values.
        fresh: names of those that keep their own.
    """

    file: str
    taken: list[str]
    fresh: list[str]

    def __str__(self) -> str:
        text = f"started from {self.file}: {len(self.taken)} of {len(self.taken) + len(self.fresh)} tensors"
        shown = ", ".join(self.fresh[:4]) + (", ..." if len(self.fresh) > 4 else "")
        return text + (f"; fresh: {shown}" if self.fresh else "")


def start_from(method: Method, path: str | os.PathLike[str]) -> Start:
    """Gives a method's network the weights of a file, as far as they fit: its trunk, and the head where that is right.

    Tensors are matched by name and shape; a name may have further parts in front (``trunk.conv1.weight`` takes
    ``conv1.weight``). The last layer is taken only from a file whose card names the same method and face model: a head
    of another model has the right shape and the wrong meaning. A parameter space with another whitening is allowed for:
    the layer is changed so that it says the same parameters.

    Args:
        method: it is changed.
        path: a weight file with a card, or a released checkpoint (3DDFA_V2's ``mb05_120x120.pth``).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or less than half of the network's numbers are in it.

    Example:
        >>> start_from(pyface3d.create_method("tddfa", width=0.5), "mb05_120x120.pth")  # doctest: +SKIP
    """
    path = Path(path)
    state, card = method.adapt_state(read_state(path)), read_card(path)
    own = method.network.state_dict()
    matched = {name: found for name, tensor in own.items() if (found := _find(name, tensor, state)) is not None}
    head = [name for name in matched if name.startswith(_head(method))]
    if card is None or card.method != method.name or card.face_model["hash"] != method.model.hash():
        for name in head:
            del matched[name]
    elif method.space is not None and card.parameter_space is not None:
        _whiten_anew(matched, head, card, method)
    numbers = sum(own[name].numel() for name in matched), sum(tensor.numel() for tensor in own.values())
    if numbers[0] < numbers[1] / 2:
        share = f"{numbers[0] / max(1, numbers[1]):.0%}"
        raise ValueError(
            f"start_from: {path.name} has {share} of this network's weights; it is of another architecture"
        )
    method.network.load_state_dict(matched, strict=False)
    return Start(path.name, list(matched), [name for name in own if name not in matched])


def _head(method: Method) -> str:
    return f"{getattr(method.network, 'head_name', 'fc')}."


def _find(name: str, tensor: Tensor, state: dict[str, Tensor]) -> Tensor | None:
    while True:
        if name in state and state[name].shape == tensor.shape:
            return state[name]
        if "." not in name:
            return None
        name = name.partition(".")[2]


def _whiten_anew(matched: dict[str, Tensor], head: list[str], card: ModelCard, method: Method) -> None:
    """Makes the last linear layer say in the method's whitening what it said in the card's."""
    assert method.space is not None and card.parameter_space is not None
    old_mean, old_std = (torch.as_tensor(card.parameter_space[key]).double() for key in ("mean", "std"))
    mean, std = method.space.mean.cpu().double(), method.space.std.cpu().double()
    if torch.equal(old_mean, mean) and torch.equal(old_std, std):
        return
    weight = next((name for name in head if name.endswith("weight")), None)
    bias = next((name for name in head if name.endswith("bias")), None)
    if len(head) != 2 or weight is None or bias is None or old_mean.shape != mean.shape:
        for name in head:  # a head of several layers: not one affine map
            del matched[name]
        return
    ratio = old_std / std
    matched[weight] = (matched[weight].double() * ratio[:, None]).float()
    matched[bias] = (matched[bias].double() * ratio + (old_mean - mean) / std).float()
