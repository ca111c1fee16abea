"""Left and right exchanged in a face model: vertices, coefficients, poses and position maps."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.data.schemes import mirror_permutation

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel


class Mirror(nn.Module):
    """The coefficients of a mirrored face, by least squares on the mirrored basis.

    With F = diag(-1, 1, 1) and s(n) the vertex opposite to n, the mirror image of ``mean + B c`` has the vertices
    ``F (mean + B c)[s(n)]``. The coefficients that come nearest to it over all vertices are affine in c:
    ``c' = Q c + q`` with ``Q = B^+ F B[s]`` and ``q = B^+ (F mean[s] - mean)``. For a basis closed under mirroring
    this is exact; ``residual`` says how far it is from that.

    Args:
        model: a face model; opposite vertices are found on its mean, landmarks of a 68-vertex model by their number.
        atlas: the model's atlas, for position maps.

    Attributes:
        matrix: (K, K) Q; ``offset`` (K,) q.
        opposite: (N,) int64 s.
        residual: root mean square distance, in the model's units, between a mirrored face one standard deviation from
            the mean and what its coefficients give.

    Example:
        >>> import torch, pyface3d
        >>> from pyface3d.data.mirror import Mirror
        >>> mirror = Mirror(pyface3d.MorphableModel.default())
        >>> mirror.coeffs(torch.zeros(1, 50)).abs().max() < 1e-2
        tensor(True)
    """

    matrix: Tensor
    offset: Tensor
    opposite: Tensor
    map_uv: Tensor | None

    def __init__(self, model: "MorphableModel", atlas: "UVAtlas | None" = None) -> None:
        super().__init__()
        mean, basis = model.mean.detach().cpu().double(), model.basis.detach().cpu().double()
        opposite = _opposite(model, mean.numpy())
        turned = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
        target = (basis * turned[:, None])[opposite].reshape(-1, basis.shape[2])  # (3 N, K)
        flat, std = basis.reshape(-1, basis.shape[2]), model.std.detach().cpu().double()
        shift = ((mean * turned)[opposite] - mean).reshape(-1, 1)
        solution = torch.linalg.lstsq(flat * std, torch.cat([target, shift], 1)).solution * std[:, None]
        matrix, offset = solution[:, :-1], solution[:, -1]
        error = (flat @ matrix - target) * std  # per coefficient
        rest = flat @ offset[:, None] - shift
        self.residual = float(((error.square().sum() + rest.square().sum()) / len(mean)).sqrt())
        self.register_buffer("matrix", matrix.float(), persistent=False)
        self.register_buffer("offset", offset.float(), persistent=False)
        self.register_buffer("opposite", opposite, persistent=False)
        self.register_buffer("map_uv", None if atlas is None else self._map_uv(atlas), persistent=False)

    def coeffs(self, coeffs: Tensor) -> Tensor:
        """Coefficients (..., K) of the mirrored faces."""
        return coeffs @ self.matrix.to(coeffs).T + self.offset.to(coeffs)

    def maps(self, maps: Tensor) -> Tensor:
        """Position maps (B, 3, U, V) with every texel read at its opposite place; the coordinates are left alone."""
        if self.map_uv is None:
            raise ValueError("Mirror: position maps need the model's atlas; pass atlas=")
        read = ops.sample_position_map(maps, self.map_uv.to(maps))  # (B, U V, 3)
        return read.mT.reshape(maps.shape)

    def _map_uv(self, atlas: "UVAtlas") -> Tensor:
        """(U V, 2): where in the chart the opposite of each texel's surface point lies; its own place if unfilled."""
        rows = torch.arange(atlas.size, dtype=torch.float32) / (atlas.size - 1)
        own = torch.stack(torch.meshgrid(1 - rows, rows, indexing="ij")[::-1], -1)  # (U, V, 2) u, v
        corners = atlas.vertex_uv.cpu()[self.opposite[atlas.corners.cpu().long()]]  # (U, V, 3, 2)
        there = (corners * atlas.barycentrics.cpu()[..., None]).sum(2)
        filled = atlas.triangle_ids.cpu() >= 0
        return torch.where(filled[..., None], there, own).reshape(-1, 2)


def mirror_pose(pose: Tensor) -> Tensor:
    """The linear part F M F of poses (..., 3, 4) of mirrored faces; the translation is for the image to mirror."""
    sign = pose.new_tensor([[1, -1, -1, 1], [-1, 1, 1, 1], [-1, 1, 1, 1]])
    return pose * sign


def _opposite(model: "MorphableModel", mean: np.ndarray) -> Tensor:
    if model.landmarks is not None and len(mean) == 68:
        return torch.argsort(model.landmarks.cpu())[mirror_permutation(68)][model.landmarks.cpu()]
    _, nearest = cKDTree(mean).query(mean * [-1, 1, 1])
    return torch.from_numpy(nearest)
