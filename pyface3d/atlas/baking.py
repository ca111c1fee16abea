"""A model's basis prepared for one atlas."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pyface3d.atlas.layout import transpose_gather

if TYPE_CHECKING:
    from pyface3d.atlas.uv_atlas import UVAtlas
    from pyface3d.morphable import MorphableModel


class MapBasis(nn.Module):
    """Mean, basis and gather that :func:`pyface3d.ops.synthesize_position_map` turns into maps.

    Rows are the vertices that some texel reads or, where the filled texels are fewer, those texels themselves: the
    barycentric mix of mean and basis is then folded in.

    Attributes:
        mean: (R, 3), in the model's units.
        basis: (R, 3, K).
        corners: (U, V, 3) int32 rows of each texel; ``barycentrics`` (U, V, 3) float32 their weights.
        reader_offsets: with ``reader_texels`` and ``reader_weights`` the transposed gather, as in the atlas.
    """

    mean: Tensor
    basis: Tensor
    corners: Tensor
    barycentrics: Tensor

    def __init__(self, atlas: "UVAtlas", model: "MorphableModel") -> None:
        super().__init__()
        if model.n_vertices != atlas.n_vertices:
            raise ValueError(f"UVAtlas.bake: model must have {atlas.n_vertices} vertices, got {model.n_vertices}")
        mean, basis = model.mean.detach().cpu(), model.basis.detach().cpu()
        corners, weights = atlas.corners.cpu().long(), atlas.barycentrics.cpu()
        filled = atlas.triangle_ids.cpu() >= 0  # (U, V)
        used = torch.unique(corners[filled])
        rows = torch.zeros_like(corners)
        if len(used) <= filled.sum():
            rows[filled] = torch.searchsorted(used, corners[filled])
            mean, basis = mean[used], basis[used]
        else:
            mix = weights[filled].to(mean.dtype)  # (R, 3)
            mean = torch.einsum("rk,rkc->rc", mix, mean[corners[filled]])
            basis = torch.stack([mix[:, k, None, None] * basis[corners[filled][:, k]] for k in range(3)]).sum(0)
            rows[filled] = torch.arange(len(mean))[:, None]
            weights = torch.zeros_like(weights)
            weights[..., 0] = filled.float()
        readers = transpose_gather(rows.view(-1, 3).numpy(), weights.view(-1, 3).numpy(), len(mean))
        tensors = {"mean": mean, "basis": basis, "corners": rows.int(), "barycentrics": weights}
        names = ("reader_offsets", "reader_texels", "reader_weights")
        for name, tensor in (tensors | dict(zip(names, map(torch.from_numpy, readers), strict=True))).items():
            self.register_buffer(name, tensor.contiguous(), persistent=False)
