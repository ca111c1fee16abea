"""Methods that regress a UV position map: PRNet (Feng et al., ECCV 2018) and its weight mask by Shi et al. (2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d import nets
from pyface3d.atlas import UVAtlas
from pyface3d.methods.images import ImageFormat
from pyface3d.methods.method import Method, Terms, truth
from pyface3d.methods.recipe import Recipe
from pyface3d.methods.reconstruction import Reconstruction
from pyface3d.methods.registry import register_method
from pyface3d.morphable import MorphableModel, build_laplacian

MARGIN = 1.1  # a map's values reach 1.1 times the size of the crop: faces may leave it


class MapScale:
    """Pixels of the crop <-> the network's (0, 1): PRNet's division by 1.1 times the size.

    x and y are kept; of each face's z the smallest over the face is subtracted, as face3d's labels have it.
    """

    def __init__(self, size: int) -> None:
        self.pixels = MARGIN * size

    def normalize(self, maps: Tensor, face: Tensor) -> Tensor:
        """Maps (B, 3, U, V) in pixels -> targets; ``face`` (U, V) bool says where the face is."""
        nearest = maps[:, 2].masked_fill(~face, torch.inf).amin((1, 2))  # (B,)
        shift = torch.stack([torch.zeros_like(nearest), torch.zeros_like(nearest), nearest], 1)
        return (maps - shift[:, :, None, None]) / self.pixels

    def restore(self, outputs: Tensor) -> Tensor:
        """Outputs (B, 3, U, V) -> maps in pixels."""
        return outputs.float() * self.pixels


class PositionMapNet(Method):
    """resfcn256 with a weighted position-map loss.

    Args:
        ratio: weights of the areas in the loss, see :meth:`pyface3d.UVAtlas.weight_mask`: "specific" (16:5:4:3:0),
            "prnet" (16:4:3:0), "uniform" (1:1:1:1:0), or the numbers.
        size: side of the input, 8 times a power of two.
        map_size: side of the map; None: ``size``.
        width: channels of the first layer, 16 in PRNet.
        squared: squared distances in the loss, not the papers' plain ones.
        smoothness: factor of the error's bumps, see :class:`pyface3d.losses.PositionMapLoss`; ours, not the papers'.
        model: face model with uv; None: the embedded one.
        atlas: chart of the maps; None: made of the model.

    Example:
        >>> PositionMapNet(size=64, width=4)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """

    supervision = ("position_map",)
    atlas: UVAtlas

    recipe = Recipe("adam", 1e-4, 16, 60, milestones=(20, 40), gamma=0.5, sources={"all": "default"})

    def __init__(
        self,
        ratio: str | Sequence[float] = "specific",
        *,
        size: int = 256,
        map_size: int | None = None,
        width: int = 16,
        squared: bool = False,
        smoothness: float = 0.0,
        model: MorphableModel | None = None,
        atlas: UVAtlas | None = None,
    ) -> None:
        ratio = ratio if isinstance(ratio, str) else tuple(ratio)
        arguments = {
            "ratio": ratio, "size": size, "map_size": map_size, "width": width, "squared": squared,
            "smoothness": smoothness,
        }  # fmt: skip
        images = ImageFormat(size, offset=0.0, scale=255.0)
        super().__init__(nets.ResFCN(size, map_size, width), model, images, arguments)
        self.scale, self.ratio, self.squared, self.smoothness = MapScale(size), ratio, squared, smoothness
        self.position_map_pixels = self.scale.pixels
        self.atlas = UVAtlas.from_model(self.model, map_size or size) if atlas is None else atlas
        if self.atlas.size != (map_size or size):
            raise ValueError(f"PositionMapNet: atlas must have {map_size or size} texels a side, got {self.atlas.size}")

    def reconstruct(self, outputs: Tensor) -> Reconstruction:
        """The faces of maps (B, 3, U, V) in (0, 1)."""
        maps = self.scale.restore(outputs)
        return Reconstruction(self.model, self.images.size, position_map=maps, atlas=self.atlas)

    def loss(self, batch: Mapping[str, Any], outputs: Tensor | None = None) -> tuple[Tensor, Terms]:
        """Weighted distance of the maps, mean over texels; see :meth:`Method.loss`.

        Wants ``image`` and ``position_map`` (B, 3, U, V) in crop pixels.
        """
        outputs = self._outputs(batch, outputs)
        maps, present = truth(batch, "position_map", outputs.device)
        if maps.shape != outputs.shape:
            raise ValueError(f"loss: position_map must be {tuple(outputs.shape)}, got {tuple(maps.shape)}")
        target = self.scale.normalize(maps, self.atlas.face_mask)
        return self.criterion(outputs, target, present, return_terms=True)

    def build_criterion(self) -> nn.Module:
        """Distance of the maps, weighted by area, and the bumps of the error."""
        from pyface3d import losses

        mask, ids = self.atlas.weight_mask(self.ratio), self.atlas.vertex_ids
        if not self.smoothness:
            return losses.PositionMapLoss(mask, self.squared)
        laplacian = build_laplacian(self.atlas.triangles, self.model.mean[ids], "cotangent")
        uv = self.atlas.vertex_uv[ids]
        return losses.PositionMapLoss(mask, self.squared, smoothness=self.smoothness, laplacian=laplacian, vertex_uv=uv)


@register_method("weight_mask")
class WeightMaskNet(PositionMapNet):
    """Face Reconstruction with Specific Weight Mask (Shi et al., QShine 2020): :class:`PositionMapNet`, 16:5:4:3:0."""

    recipe = replace(
        PositionMapNet.recipe,
        sources={
            "optimizer, learning_rate, gamma": "paper",
            "milestones": "paper says 'every 20 batches'; read as epochs, because the literal reading stops learning",
            "batch_size": "PRNet",
            "epochs": "default: three halvings",
        },
    )


@register_method("prnet", ratio="prnet")
class PRNet(PositionMapNet):
    """PRNet (Feng et al., ECCV 2018): :class:`PositionMapNet`, 16:4:3:0."""

    recipe = replace(
        PositionMapNet.recipe,
        milestones=tuple(range(5, 60, 5)),
        sources={"optimizer, learning_rate, batch_size, milestones, gamma": "PRNet", "epochs": "default"},
    )


@register_method("position_map_small", size=128, width=8)
class SmallPositionMapNet(PositionMapNet):
    """:class:`PositionMapNet` at 128 pixels and half the channels: 0.83 M parameters, 0.21 GMAC."""
