"""Joint 3D reconstruction and attribute estimation (Weng et al., ICPR 2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from pyface3d import nets
from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace
from pyface3d.methods.attributes import CELEBA_ATTRIBUTES, CELEBA_GROUPS, RACE_GROUP
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.method import Method, Terms
from pyface3d.methods.parameter_method import default_space
from pyface3d.methods.position_map import MapScale, PositionMapNet
from pyface3d.methods.reconstruction import Reconstruction
from pyface3d.methods.registry import register_method
from pyface3d.morphable import MorphableModel

Outputs = tuple[Tensor, Tensor]


@register_method("joint")
class JointNet(Method):
    """One encoder, a shape head and a grouped attribute head, trained on batches that mix both kinds of samples.

    The paper does not say which shape representation, trunk, groups or weights it uses; position map, resfcn, MCNN's
    nine groups and the factors below are our defaults.

    Args:
        head: "position_map" or "3dmm" (62 parameters).
        backbone: "resfcn" or "resnet50".
        race: adds the tenth group Asian, White, Black, Indian, for sets that label it.
        weights: factors of the shape and the attribute loss.
        ratio: weights of the map's areas, see :class:`PositionMapNet`.
        size: side of the input and the map.
        width: channels of resfcn's first layer.
        pos_weight: weight of each attribute's positives, see :func:`positive_weights`; None: 1.
        model: face model; None: the embedded one.
        space: parameter space of head "3dmm"; None: a rough default.
        atlas: chart of head "position_map"; None: made of the model.

    Example:
        >>> shape, logits = JointNet(size=64, width=4)(torch.zeros(1, 3, 64, 64))
        >>> shape.shape, logits.shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 40]))
    """

    network: nets.JointNetwork
    space: ParameterSpace | None
    atlas: UVAtlas | None
    pos_weight: Tensor
    supervision = ("position_map", "params", "attributes")

    recipe = replace(
        PositionMapNet.recipe,
        batch_size=32,
        data=("300W-LP", "CelebA"),
        sources={"all": "default: the paper's are unknown; half of each batch from either set"},
    )

    def __init__(
        self,
        head: str = "position_map",
        *,
        backbone: str = "resfcn",
        race: bool = False,
        weights: tuple[float, float] = (1.0, 0.01),
        ratio: str | Sequence[float] = "specific",
        size: int = 256,
        width: int = 16,
        pos_weight: Sequence[float] | None = None,
        model: MorphableModel | None = None,
        space: ParameterSpace | None = None,
        atlas: UVAtlas | None = None,
    ) -> None:
        if head not in ("position_map", "3dmm"):
            raise ValueError(f"JointNet: head must be 'position_map' or '3dmm', got {head!r}")
        arguments = {
            "head": head, "backbone": backbone, "race": race, "weights": weights, "ratio": ratio, "size": size,
            "width": width, "pos_weight": pos_weight,
        }  # fmt: skip
        groups = {**CELEBA_GROUPS, **(RACE_GROUP if race else {})}
        names = CELEBA_ATTRIBUTES + (RACE_GROUP["race"] if race else ())
        model = MorphableModel.default() if model is None else model
        by_map = head == "position_map"
        space = None if by_map else (space or default_space(model, size))
        places = {group: [names.index(name) for name in members] for group, members in groups.items()}
        network = nets.JointNetwork(places, None if space is None else space.n_params, backbone, size, width)
        super().__init__(network, model, ImageFormat(size, offset=0.0, scale=255.0), arguments)
        self.attribute_names, self.weights, self.scale = names, tuple(weights), MapScale(size)
        self.space, self.atlas, self.ratio = space, None, ratio
        if by_map:
            self.position_map_pixels = self.scale.pixels
            self.atlas = UVAtlas.from_model(model, size) if atlas is None else atlas
        alpha = torch.ones(len(names)) if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float32)
        if alpha.shape != (len(names),):
            raise ValueError(f"JointNet: pos_weight must have {len(names)} numbers, got {len(alpha)}")
        self.register_buffer("pos_weight", alpha, persistent=False)

    def reconstruct(self, outputs: Outputs) -> Reconstruction:
        """The faces of shape outputs and attribute logits."""
        shape, logits = outputs
        about: dict[str, Any] = {"attributes": logits.float().sigmoid(), "attribute_names": self.attribute_names}
        if self.space is None:
            maps = self.scale.restore(shape)
            return Reconstruction(self.model, self.images.size, position_map=maps, atlas=self.atlas, **about)
        params = self.space.unwhiten(shape)
        pose, coeffs = self.space.split(params)
        return Reconstruction(
            self.model, self.images.size, self.space.flip, params=params, coeffs=coeffs, crop_pose=pose, **about
        )

    def loss(self, batch: Mapping[str, Any], outputs: Outputs | None = None) -> tuple[Tensor, Terms]:
        """Sum of the shape loss over samples with a shape and the attribute loss over samples with attributes.

        Wants ``image`` and ``position_map`` (or ``params`` with head "3dmm") and ``attributes`` (B, A), 1, 0 and
        unknown -1, either with its ``has_`` mask. All images go through the encoder at once, each head runs on the
        samples that it is trained on; each task is normalized by their number, and one without samples gives a loss
        and gradients of exactly zero. See :meth:`Method.loss`.
        """
        shape_key = "position_map" if self.space is None else "params"
        shaped, described = self._rows(batch, shape_key), self._rows(batch, "attributes")  # (B,) bool
        if outputs is None:
            features = self.network.encoder(self.preprocess(batch["image"]))
            shape = self.network.shape(features[shaped]) if shaped.any() else None
            logits = self.network.attributes(features[described]) if described.any() else None
        else:
            shape, logits = outputs[0][shaped], outputs[1][described]
        terms = {"shape": _nothing(self.network.shape), "attributes": _nothing(self.network.attributes)}
        if shaped.any():
            terms["shape"] = self._shape_loss(cast(Tensor, shape), batch[shape_key].to(shaped.device)[shaped])
        if described.any():
            labels = batch["attributes"].to(described.device)[described]
            terms["attributes"] = self._criterion_of("attributes")(logits, labels)
        total = self.weights[0] * terms["shape"] + self.weights[1] * terms["attributes"]
        return total, {name: term.detach() for name, term in terms.items()}

    def _rows(self, batch: Mapping[str, Any], key: str) -> Tensor:
        """Which samples carry ``key``."""
        everyone = torch.full((len(batch["image"]),), key in batch)
        return batch.get(f"has_{key}", everyone).bool().to(self.pos_weight.device)

    def build_criterion(self) -> nn.Module:
        """The loss of each task: squared distances over the face, in the map's units, and weighted cross-entropy."""
        from pyface3d import losses

        attributes = losses.AttributeLoss(self.pos_weight)
        if self.space is not None:
            return nn.ModuleDict({"shape": losses.VDCLoss(self.model, self.space), "attributes": attributes})
        assert self.atlas is not None
        face = int(self.atlas.face_mask.sum())
        shape = losses.PositionMapLoss(self.atlas.weight_mask(self.ratio), squared=True, pixels=face)
        return nn.ModuleDict({"shape": shape, "attributes": attributes})

    def _criterion_of(self, task: str) -> nn.Module:
        return cast(nn.ModuleDict, self.criterion)[task]

    def _shape_loss(self, shape: Tensor, labels: Tensor) -> Tensor:
        if self.atlas is not None:
            return self._criterion_of("shape")(shape, self.scale.normalize(labels, self.atlas.face_mask))
        return 3 * self._criterion_of("shape")(shape, labels) / self.scale.pixels**2  # VDC is a mean over coordinates


def _nothing(head: nn.Module) -> Tensor:
    """Zero, with zero gradients to every parameter of a head that had no samples."""
    return 0.0 * cast(Tensor, sum(parameter.sum() for parameter in head.parameters()))
