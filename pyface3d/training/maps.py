"""Position maps as labels, made from labeled parameters."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.methods import Method


def with_maps(batch: Mapping[str, Any], maps: "MapLabels") -> dict[str, Any]:
    """A batch in which every sample with parameters has a position map: its own, or one made of them.

    Args:
        batch: collated samples with ``params``.
        maps: makes them.
    """
    made = maps(batch["params"])
    everyone = torch.ones(len(made), dtype=torch.bool, device=made.device)
    has_params = batch.get("has_params", everyone)
    if "position_map" not in batch:
        return {**batch, "position_map": made, "has_position_map": has_params}
    own = batch.get("has_position_map", everyone)
    whole = torch.where(own[:, None, None, None], batch["position_map"], made)
    return {**batch, "position_map": whole, "has_position_map": own | has_params}


class MapLabels:
    """Position maps of labeled parameters, in pixels of a method's pictures.

    Args:
        method: one with an ``atlas``.
        size: side of the crops that the parameters belong to, which a method may see at another resolution.
        flip: how their y axis reaches pixels, see :func:`pyface3d.camera.flip_y`.

    Example:
        >>> maps = MapLabels(pyface3d.create_method("position_map_small"), size=120)  # doctest: +SKIP
        >>> maps(batch["params"]).shape  # doctest: +SKIP
        torch.Size([16, 3, 128, 128])
    """

    def __init__(self, method: Method, size: int, flip: str = "face3d"):
        model = method.model
        self.space = ParameterSpace.of_model(model, size=size, flip=flip)
        self.basis = cast(UVAtlas, method.atlas).bake(model)
        self.ratio = method.images.size / size

    def __call__(self, params: Tensor) -> Tensor:
        """Maps (B, 3, U, V) of un-whitened parameters (B, P)."""
        pose, coeffs = self.space.split(params)
        maps = ops.synthesize_position_map(self.basis, coeffs, pose)
        points = flip_y(maps.flatten(2).mT, self.space.size, self.space.flip)  # (B, U V, 3)
        half = torch.tensor([0.5, 0.5, 0.0], device=points.device)  # pixel centers are whole numbers
        return ((points + half) * self.ratio - half).mT.reshape(maps.shape)
