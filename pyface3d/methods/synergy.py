"""SynergyNet's image-to-parameter network (Wu et al., 3DV 2021)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d import nets
from pyface3d.camera import ParameterSpace
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.parameter_method import ParameterMethod, require_geometry
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.registry import register_method
from pyface3d.morphable import MorphableModel

_PREFIX = "I2P.backbone."
_HEADS = {"pose": "classifier_ori", "identity": "classifier_shape", "expression": "classifier_exp"}


class SynergyTrunk(nets.MobileNetV2):
    """MobileNetV2 with one classifier for each part of the parameters, named as SynergyNet names them."""

    def __init__(self, space: ParameterSpace) -> None:
        super().__init__(1)
        del self.classifier
        for part, name in _HEADS.items():
            piece = space.slices[part]
            head = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.num_features, piece.stop - piece.start))
            self.add_module(name, head)

    def forward(self, images: Tensor) -> Tensor:
        """Whitened parameters (B, P) of images (B, 3, H, W)."""
        features = self.pool(self.forward_features(images)).flatten(1)
        return torch.cat([getattr(self, name)(features) for name in _HEADS.values()], 1)


@register_method("synergynet")
class SynergyNet(ParameterMethod):
    """The network SynergyNet predicts with; its landmark refinement, used in training only, is not part of it.

    Checkpoints of SynergyNet load: the prefix ``I2P.backbone.`` is removed, other parts of the file are left out. Like
    3DDFA's they belong to the Basel Face Model and their own whitening table.

    Args:
        model: face model.
        space: parameter space, flip "3ddfa" for released weights.
        size: side of the input in pixels.
    """

    recipe = Recipe(
        optimizer="sgd",
        learning_rate=0.08,
        batch_size=1024,
        epochs=80,
        milestones=(48, 64),
        sources={"all but the loss": "SynergyNet's code", "loss": "default: 3DDFA's WPDC, not the synergy losses"},
    )

    def __init__(
        self, *, model: MorphableModel | None = None, space: ParameterSpace | None = None, size: int = 120
    ) -> None:
        model = MorphableModel.default() if model is None else model
        parts = ParameterSpace.of_model(model) if space is None else space
        super().__init__(SynergyTrunk(parts), model, space, ImageFormat(size, "BGR"), {"size": size})

    @classmethod
    def foreign_arguments(cls, state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """``arguments``; raises ValueError unless they hold face model and parameter space."""
        require_geometry(cls.__name__, arguments, "SynergyNet's are in its folder 3dmm_data")
        return dict(arguments)

    def adapt_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Takes the image-to-parameter network out of a whole SynergyNet."""
        if not any(name.startswith(_PREFIX) for name in state):
            return state
        return {name.removeprefix(_PREFIX): tensor for name, tensor in state.items() if name.startswith(_PREFIX)}

    def build_criterion(self) -> nn.Module:
        """WPDC on all vertices."""
        from pyface3d import losses

        return losses.WPDCLoss(self.model, self.space)
