"""Mobile-FRNet (Li, Wu et al., ICPR 2020) and the trunks of its ablation."""

from dataclasses import replace
from typing import Any

from torch import nn

from pyface3d import nets
from pyface3d.camera import ParameterSpace
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.parameter_method import Backbone, ParameterMethod, backbone_of, model_and_outputs
from pyface3d.methods.registry import register_method
from pyface3d.methods.tddfa import TDDFA
from pyface3d.morphable import MorphableModel

BACKBONES: dict[str, Backbone] = {
    "mobile_frnet": nets.MobileFRTrunk,
    "resnext50_32x4d": nets.resnext50_32x4d,
    "mobilenet_v2": nets.mobilenet_v2,
    "densenet121": nets.densenet121,
}


@register_method("mobile_frnet")
class MobileFRNet(ParameterMethod):
    """Mobile-FRNet: 62 parameters from MobileNetV2's table with multi-scale blocks and two attentions.

    The paper's blocks are known in outline only; the defaults are a choice of ours that fits its sizes (see
    :class:`pyface3d.nets.MobileFRTrunk`, which documents every argument).

    Args:
        attention: False leaves out both attentions (row "no attention" of the ablation).
        backbone: "mobile_frnet", or a row of the ablation: "resnext50_32x4d", "mobilenet_v2" (with
            ``projection=True`` the one whose size the published row has), "densenet121".
        weights: factors of the terms WPDC and Wing. Unpublished; ours bring both to one order of magnitude.
        model: face model; None: the embedded one.
        space: parameter space; None: a rough default for the model.
        size: side of the input in pixels.
        trunk: further arguments of the backbone.

    Example:
        >>> MobileFRNet(attention=False)(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """

    recipe = replace(
        TDDFA.recipe,
        sources={
            "optimizer, learning_rate, batch_size, epochs, milestones, gamma, warmup": "3DDFA's script, first phase",
            "both losses at once": "slides of the paper, read literally",
        },
    )

    def __init__(
        self,
        attention: bool = True,
        *,
        backbone: str = "mobile_frnet",
        weights: tuple[float, float] = (1.0, 0.1),
        model: MorphableModel | None = None,
        space: ParameterSpace | None = None,
        size: int = 120,
        **trunk: Any,
    ) -> None:
        build = backbone_of("MobileFRNet", BACKBONES, backbone)
        arguments = {"attention": attention, "backbone": backbone, "weights": weights, "size": size, **trunk}
        if backbone == "mobile_frnet":
            trunk["attention"] = attention
        model, outputs = model_and_outputs(model, space)
        network = build(outputs, **trunk)
        super().__init__(network, model, space, ImageFormat(size), arguments)
        self.weights = tuple(weights)

    def build_criterion(self) -> nn.Module:
        """WPDC and Wing on all vertices, weighted."""
        from pyface3d import losses

        return losses.MobileFRNetLoss(self.model, self.space, weights=self.weights)
