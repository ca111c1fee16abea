"""MARN: Multi-Attribute Regression Network (Li and Wu, ICPR 2020)."""

from functools import partial

import torch
from torch import Tensor, nn

from pyface3d import nets
from pyface3d.camera import ParameterSpace
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.parameter_method import Backbone, ParameterMethod, backbone_of, model_and_outputs
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.registry import register_method
from pyface3d.morphable import MorphableModel

BACKBONES: dict[str, Backbone] = {
    "resnet34": nets.resnet34,
    "resnet50": nets.resnet50,
    "mobilenet_v2": nets.mobilenet_v2,
    "mobilenet_v1_0.5": partial(nets.mobilenet_v1, width=0.5),
}


class SplitHead(nn.Module):
    """One linear layer for each part of the vector; the same parameters as one layer for all."""

    def __init__(self, inputs: int, space: ParameterSpace) -> None:
        super().__init__()
        sizes = {name: part.stop - part.start for name, part in space.slices.items() if part.stop > part.start}
        self.parts = nn.ModuleDict({name: nn.Linear(inputs, size) for name, size in sizes.items()})

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs) -> (B, P)."""
        return torch.cat([head(features) for head in self.parts.values()], 1)


@register_method("marn")
class MARN(ParameterMethod):
    """MARN: a trunk, one linear layer to the 62 parameters, and a loss with a term for each of their parts.

    The paper names no trunk. ResNet-34 is our default, after the same laboratory's MFIRRN; it is not the paper's.

    Args:
        backbone: "resnet34", "resnet50", "mobilenet_v2" or "mobilenet_v1_0.5" (3DDFA_V2's ``mb05``).
        split_heads: one linear layer for each of pose, identity and expression.
        model: face model; None: the embedded one.
        space: parameter space; None: a rough default for the model.
        size: side of the input in pixels.

    Example:
        >>> MARN()(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """

    recipe = Recipe(
        optimizer="sgd",
        learning_rate=1e-3,
        batch_size=128,
        epochs=40,
        weight_decay=5e-4,
        milestones=(30, 40, 50),
        gradient_clip=10.0,
        sources={
            "optimizer, learning_rate, batch_size, epochs, milestones": "MFIRRN's code (same laboratory)",
            "momentum, weight_decay, gamma": "3DDFA's training script",
            "gradient_clip": "default",
        },
    )

    def __init__(
        self,
        backbone: str = "resnet34",
        split_heads: bool = False,
        *,
        model: MorphableModel | None = None,
        space: ParameterSpace | None = None,
        size: int = 120,
    ) -> None:
        model, outputs = model_and_outputs(model, space)
        trunk = backbone_of("MARN", BACKBONES, backbone)(outputs)
        arguments = {"backbone": backbone, "split_heads": split_heads, "size": size}
        super().__init__(trunk, model, space, ImageFormat(size), arguments)
        if split_heads:
            setattr(trunk, trunk.head_name, SplitHead(trunk.num_features, self.space))

    def build_criterion(self) -> nn.Module:
        """L_id, L_exp, L_p and L_68 of the paper, each calibrated to its expectation under unit whitened error."""
        from pyface3d import losses

        return losses.MARNLoss(self.model, self.space)
