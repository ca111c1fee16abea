"""The last layer solved in closed form: a start that a trained trunk deserves."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d.methods import Method
from pyface3d.nets.layers import Trunk

PENALTY = 10.0  # of the ridge regression, on features as they come: their squares sum to thousands


@torch.no_grad()
def regress_head(method: Method, batches: Iterable[Mapping[str, Any]], penalty: float = PENALTY) -> int:
    """Solves a network's linear head by ridge regression of whitened parameters on the trunk's features.

    A head drawn at random sends large gradients into a trunk that was trained already, and spoils it; this one starts
    where the features allow.

    Args:
        method: regresses parameters by a :class:`Trunk` with a linear head; the head is changed.
        batches: collated samples; those without ``params`` are left out.
        penalty: weight of the squared coefficients.

    Returns:
        The number of samples used.

    Raises:
        ValueError: another kind of network, or no sample has parameters.

    Example:
        >>> regress_head(pyface3d.create_method("compact"), batches)  # doctest: +SKIP
    """
    network, space = first_look(method.network), method.space
    if not isinstance(network, Trunk) or not isinstance(network.head, nn.Linear) or space is None:
        raise ValueError(f"regress_head: {method.name} has no linear head that answers parameters")
    network.eval()
    sums = _Sums(network.num_features, space.n_params)
    for batch in batches:
        sums.add(*_pair(method, network, batch))
    if not sums.count:
        raise ValueError("regress_head: no sample has params to solve the head for")
    weight, bias = sums.solve(penalty)
    network.head.weight.copy_(weight)
    network.head.bias.copy_(bias)
    return sums.count


def first_look(network: nn.Module) -> nn.Module:
    """The trunk of a network that looks twice (:class:`pyface3d.methods.second_look.TwoLooks`); else the network."""
    return getattr(network, "trunk", network)


class _Sums:
    """The normal equations of a ridge regression, summed batch by batch: a whole map's features fill the memory."""

    def __init__(self, features: int, outputs: int) -> None:
        self.count, self.first = 0, torch.zeros(0)
        self.gram = torch.zeros(features, features, dtype=torch.float64)
        self.cross = torch.zeros(features, outputs, dtype=torch.float64)
        self.totals = torch.zeros(features, dtype=torch.float64), torch.zeros(outputs, dtype=torch.float64)

    def add(self, features: Tensor, targets: Tensor) -> None:
        """Rows (B, features) and (B, outputs)."""
        x, y = features.double(), targets.double()
        if not self.count and len(x):
            self.first = x.mean(0)  # sums about a place near the mean keep their digits
        x = x - self.first if len(x) else x
        self.count += len(x)
        self.gram.addmm_(x.T, x)
        self.cross.addmm_(x.T, y)
        for total, values in zip(self.totals, (x, y)):
            total += values.sum(0)

    def solve(self, penalty: float) -> tuple[Tensor, Tensor]:
        """Weight (outputs, features) and bias (outputs,) of the linear layer."""
        mean, level = (total / self.count for total in self.totals)
        normal = self.gram - self.count * torch.outer(mean, mean)
        normal.diagonal().add_(penalty)
        weight = torch.linalg.solve(normal, self.cross - self.count * torch.outer(mean, level)).T
        return weight, level - weight @ (mean + self.first)


def _pair(method: Method, network: Trunk, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Pooled features and whitened parameters of the samples of a batch that have them."""
    space = method.space
    assert space is not None
    if "params" not in batch:
        return torch.zeros(0, network.num_features), torch.zeros(0, space.n_params)
    rows = batch.get("has_params", torch.ones(len(batch["image"]), dtype=torch.bool))
    device = method.model.mean.device  # portraits may lie on a GPU to which the method moves later
    images, params = (batch[key][rows].to(device) for key in ("image", "params"))
    features = network.pool(network.forward_features(method.preprocess(images))).flatten(1)
    return features, space.whiten(params)
