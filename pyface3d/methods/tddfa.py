"""3DDFA (Zhu et al. 2016; Guo et al. 2020, "3DDFA_V2"): the baseline whose weights are public."""

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pyface3d import nets
from pyface3d.camera import ParameterSpace
from pyface3d.camera.whitening import read_release
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.parameter_method import ParameterMethod, model_and_outputs, require_geometry
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.registry import register_method
from pyface3d.morphable import MorphableModel

# outputs of the released networks that no reconstruction uses: 3DDFA_V2 trains its 68 landmarks beside the parameters
_AUXILIARY = ("fc_lm.",)


@register_method("tddfa")
class TDDFA(ParameterMethod):
    """3DDFA and 3DDFA_V2: MobileNetV1 to 62 parameters.

    Released checkpoints load unchanged (``mb05_120x120.pth``, ``mb1_120x120.pth``, ``phase1_wpdc_vdc.pth.tar``): names
    are mapped, the auxiliary landmark head of 3DDFA_V2 is left out. They belong to the Basel Face Model and to a
    whitening table of their own; both must be given. 3DDFA's and 3DDFA_V2's tables differ and must not be exchanged.

    Args:
        width: channel multiplier, 1.0 (``mb1``, 3DDFA) or 0.5 (``mb05``).
        model: face model.
        space: parameter space: the table the weights were trained with, flip "3ddfa" or "3ddfa_v2".
        size: side of the input in pixels.

    Example:
        >>> TDDFA(width=0.5)(torch.zeros(1, 3, 120, 120)).shape
        torch.Size([1, 62])
    """

    recipe = Recipe(
        optimizer="sgd",
        learning_rate=0.02,
        batch_size=512,
        epochs=50,
        weight_decay=5e-4,
        milestones=(30, 40),
        warmup_epochs=5,
        sources={"all": "3DDFA's script, first phase (WPDC)"},
    )

    def __init__(
        self,
        width: float = 1.0,
        *,
        model: MorphableModel | None = None,
        space: ParameterSpace | None = None,
        size: int = 120,
    ) -> None:
        model, outputs = model_and_outputs(model, space)
        network = nets.mobilenet_v1(outputs, width=width)
        super().__init__(network, model, space, ImageFormat(size, "BGR"), {"width": width, "size": size})

    @classmethod
    def foreign_arguments(cls, state: Mapping[str, Tensor], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The width from the first layer; face model and parameter space must be given.

        Raises:
            ValueError: one of them is missing, or the file is no such network.
        """
        files = "3DDFA_V2's are bfm_noneck_v3.pkl and param_mean_std_62d_120x120.pkl in its configs"
        require_geometry(cls.__name__, arguments, files)
        if "conv1.weight" not in state:
            raise ValueError("TDDFA: weights of another architecture: conv1.weight is missing")
        return {"width": state["conv1.weight"].shape[0] / 32, **arguments}

    def adapt_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Names of 3DDFA_V2's head to 3DDFA's."""
        kept = {name: tensor for name, tensor in state.items() if not name.startswith(_AUXILIARY)}
        return {name.replace("fc_param.", "fc."): tensor for name, tensor in kept.items()}

    def build_criterion(self) -> nn.Module:
        """WPDC on all vertices."""
        from pyface3d import losses

        return losses.WPDCLoss(self.model, self.space)


def read_whitening(path: str | os.PathLike[str], version: str = "v2") -> ParameterSpace:
    """Reads the whitening table of one version of 3DDFA, and refuses that of the other.

    Args:
        path: 3DDFA's ``param_whitening.pkl``, 3DDFA_V2's ``param_mean_std_62d_120x120.pkl`` (read as data only), or an
            npz with ``param_mean_v1``, ``param_std_v1``, ``param_mean_v2`` and ``param_std_v2``.
        version: "v1", 3DDFA, or "v2", 3DDFA_V2.

    Raises:
        ValueError: the version is unknown, or the file holds no such table.
    """
    flips = {"v1": "3ddfa", "v2": "3ddfa_v2"}
    if version not in flips:
        raise ValueError(f"read_whitening: version must be 'v1' or 'v2', got {version!r}")
    try:
        tables = read_release(path, flips[version])
    except ValueError as error:
        raise ValueError(f"read_whitening: {error}") from None
    return ParameterSpace.of_length(len(tables["mean"]), **tables)
