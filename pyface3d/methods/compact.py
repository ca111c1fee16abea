"""The default method: the trunk of 3DDFA_V2's smallest network with a head that knows where a feature lies."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from pyface3d import nets
from pyface3d.camera import ParameterSpace
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.method import Terms
from pyface3d.methods.parameter_method import ParameterMethod, default_space, model_and_outputs
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.registry import register_method
from pyface3d.methods.second_look import TwoLooks
from pyface3d.morphable import MorphableModel


@register_method("compact")
class Compact(ParameterMethod):
    """62 parameters of the default face from MobileNetV1 at half width and learned weightings of its last map.

    No paper's method: what is small, quick and good enough to be the default. The trunk is 3DDFA_V2's ``mb05``, whose
    weights (MIT) it starts from; in place of a mean, several global depthwise convolutions weigh the places of the map
    (MobileFaceNets); the loss compares positions in pixels, and identity apart from pose (:class:`losses.PointLoss`).

    Args:
        width: channel multiplier of the trunk.
        kernels: weightings of the last map for each channel; 0: its mean.
        looks: 2: features where the first answer puts the surface correct it (:class:`SecondLook`); 1: they do not.
        model: face model; None: the embedded one.
        space: parameter space; None: a rough default for the model.
        size: side of the input in pixels.

    Example:
        >>> import torch
        >>> Compact()(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """

    supervision: ClassVar[tuple[str, ...]] = ("params", "landmarks")
    channels_last: ClassVar[bool] = True
    recipe = Recipe(
        optimizer="adamw",
        learning_rate=6e-4,
        batch_size=128,
        epochs=20,
        schedule="cosine",
        warmup_steps=100,
        weight_decay=0.01,
        gradient_clip=5.0,
        ema=0.998,
        norm_momentum=0.02,
        head_samples=9000,
        data=("labeled photos", "synthetic portraits"),
        sources={"all": "measured, see docs/results.md"},
    )

    def __init__(
        self,
        width: float = 0.5,
        kernels: int = 3,
        looks: int = 1,
        *,
        model: MorphableModel | None = None,
        space: ParameterSpace | None = None,
        size: int = 120,
    ) -> None:
        model, outputs = model_and_outputs(model, space)
        if looks not in (1, 2):
            raise ValueError(f"Compact: looks must be 1 or 2, got {looks}")
        space = default_space(model, size) if space is None else space
        trunk = nets.mobilenet_v1(outputs, width=width, kernels=kernels, size=size)
        network = trunk if looks == 1 else TwoLooks(trunk, model, space, size)
        arguments = {"width": width, "kernels": kernels, "size": size, "looks": looks}
        super().__init__(network, model, space, ImageFormat(size, "BGR"), arguments)

    def build_criterion(self) -> nn.Module:
        """Landmarks, vertices and identity, each in pixels or millimeters."""
        from pyface3d.losses import PointLoss

        return PointLoss(self.model, self.space, landmarks=2.0, vertices=1.0, identity=2.0, depth=0.25, penalty="l1")

    def loss(self, batch: Mapping[str, Any], outputs: Tensor | None = None) -> tuple[Tensor, Terms]:
        """:class:`pyface3d.losses.PointLoss` of the samples that carry landmarks or parameters.

        Wants ``image``, and of ``landmarks`` and ``params`` what there is.
        """
        return self.criterion(self._outputs(batch, outputs), batch)
