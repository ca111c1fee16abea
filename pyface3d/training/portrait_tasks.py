"""What a network learns from a batch of portraits: parameters, or a position map."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from pyface3d.data.synthetic import parameter_space
from pyface3d.methods import Method, PositionMapNet, create_method
from pyface3d.training.maps import MapLabels
from pyface3d.training.objective import PortraitObjective

Terms = dict[str, Tensor]
CROP = 120  # side of the labeled portraits


class ParameterTask:
    """MobileFRNet by :class:`PortraitObjective`; pictures may be of any size, parameters are those of 120 pixels."""

    def __init__(self) -> None:
        space = parameter_space()
        self.method: Method = create_method("mobile_frnet", space=space)
        self.objective = PortraitObjective(self.method.model, space)

    def loss(self, batch: Mapping[str, Any]) -> tuple[Tensor, Terms]:
        """The loss of pictures 0..255 (B, 3, R, R) and its terms."""
        images = (batch["image"] - self.method.images.offset) / self.method.images.scale
        outputs = self.method.network(images.contiguous(memory_format=torch.channels_last))
        return self.objective(outputs, batch)


class PositionMapTask:
    """The small position-map network by its own loss; the maps are made from the labeled parameters."""

    def __init__(self) -> None:
        self.method = cast(PositionMapNet, create_method("position_map_small", size=64, map_size=64, width=16))
        self.maps = MapLabels(self.method, CROP)

    def loss(self, batch: Mapping[str, Any]) -> tuple[Tensor, Terms]:
        """The loss of pictures 0..255 (B, 3, 64, 64) and its terms."""
        maps = self.maps(batch["params"])
        outputs = self.method.network(self.method.preprocess(batch["image"]))
        loss, terms = self.method.loss({"position_map": maps}, outputs)
        distance = (self.method.scale.restore(outputs) - maps)[:, :2].detach().norm(dim=1)  # (B, U, V)
        pixels = distance[:, self.method.atlas.face_mask].mean() / self.maps.ratio
        return loss, {**terms, "pixels": pixels}


TASKS: dict[str, type[ParameterTask] | type[PositionMapTask]] = {
    "mobile_frnet": ParameterTask,
    "position_map_small": PositionMapTask,
}
