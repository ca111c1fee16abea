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
    network, space = method.network, method.space
    if not isinstance(network, Trunk) or not isinstance(network.head, nn.Linear) or space is None:
        raise ValueError(f"regress_head: {method.name} has no linear head that answers parameters")
    network.eval()
    parts = [_pair(method, network, batch) for batch in batches]
    features, targets = (torch.cat(column).double() for column in zip(*parts)) if parts else (torch.zeros(0, 0),) * 2
    if not len(features):
        raise ValueError("regress_head: no sample has params to solve the head for")
    mean, level = features.mean(0), targets.mean(0)
    centered = features - mean
    normal = centered.T @ centered + penalty * torch.eye(len(mean), dtype=torch.float64)
    weight = torch.linalg.solve(normal, centered.T @ (targets - level)).T  # (P, features)
    network.head.weight.copy_(weight)
    network.head.bias.copy_(level - weight @ mean)
    return len(features)


def _pair(method: Method, network: Trunk, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Pooled features and whitened parameters of the samples of a batch that have them."""
    space = method.space
    assert space is not None
    if "params" not in batch:
        return torch.zeros(0, network.num_features), torch.zeros(0, space.n_params)
    rows = batch.get("has_params", torch.ones(len(batch["image"]), dtype=torch.bool))
    features = network.pool(network.forward_features(method.preprocess(batch["image"][rows]))).flatten(1)
    return features, space.whiten(batch["params"][rows])
