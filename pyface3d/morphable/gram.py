"""Gram matrices of a face model: what squared distances between its faces are made of."""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pyface3d.morphable.model import MorphableModel

_CHUNK = 4096  # vertices widened to float64 at a time
_whole: WeakKeyDictionary = WeakKeyDictionary()  # model -> (state of its arrays, moments over all vertices)


class Gram(nn.Module):
    """Second moments of a model's columns [mean | basis] over its vertices, for ``ops.vertex_distance`` and WPDC.

    Summed in float64 and stored in the model's dtype (float32 at least). ``posed`` holds the covariance, centered per
    coordinate, which keeps it well conditioned however far the model lies from the origin.

    Build it with :meth:`pyface3d.MorphableModel.gram`; as a module it moves with the loss that holds it.

    Args:
        posed: (3K+4, 3K+4): ``[[C, 0], [m, W]]`` with the weighted covariance C and mean m of the 3 (K+1) columns,
            coordinate-major, and the sum W of the weights.
        axes: (3, K+1, K+1) uncentered moments of the columns per coordinate x, y, z.
        rows: pose rows that count in posed distances: 3 (x, y, z) or 2 (x, y).
        n_vertices: vertices summed over.
        unit: unit of the model's vertices.
    """

    posed: Tensor
    unposed: Tensor
    axes: Tensor

    def __init__(self, posed: Tensor, axes: Tensor, rows: int, n_vertices: int, unit: str):
        super().__init__()
        self.rows, self.n_vertices, self.unit = rows, n_vertices, unit
        unposed = torch.zeros(axes.shape[1] + 1, axes.shape[1] + 1, dtype=axes.dtype, device=axes.device)
        unposed[:-1, :-1] = axes.sum(0)  # (K+2, K+2): center and weight stay zero, as nothing is translated
        for name, tensor in (("posed", posed), ("unposed", unposed), ("axes", axes)):
            self.register_buffer(name, tensor, persistent=False)

    @property
    def total_weight(self) -> Tensor:
        """Sum of the weights, () ."""
        return self.posed[-1, -1]

    def extra_repr(self) -> str:
        """One line for ``repr``."""
        return f"n_vertices={self.n_vertices}, n_coeffs={self.axes.shape[1] - 1}, rows={self.rows}"


@torch.no_grad()
def build_gram(model: "MorphableModel", weights: Tensor | None, indices: Tensor | None, rows: int) -> Gram:
    """The Gram matrices of ``model``; arguments and errors as in :meth:`pyface3d.MorphableModel.gram`."""
    if rows not in (2, 3):
        raise ValueError(f"MorphableModel.gram: rows must be 3 (x, y, z) or 2 (x, y), got {rows}")
    mean, basis = model.mean, model.basis
    if weights is None and indices is None:
        state = [(x.data_ptr(), x._version, x.dtype, x.device) for x in (mean, basis)]
        if _whole.get(model, (None,))[0] != state:
            _whole[model] = state, _moments(mean, basis, None)
        posed, axes = _whole[model][1]
        return Gram(posed, axes, rows, len(mean), model.unit)
    if indices is not None:
        mean, basis = mean[indices], basis[indices]
    return Gram(*_moments(mean, basis, weights), rows, len(mean), model.unit)


def _moments(mean: Tensor, basis: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """``posed`` and ``axes`` of :class:`Gram`."""
    weights = _checked(weights, len(mean), mean.device)
    columns = torch.cat([mean[:, :, None], basis], 2).flatten(1)  # (N, 3 (K+1))
    chunks = list(zip(columns.split(_CHUNK), weights.split(_CHUNK)))
    total, size = weights.sum(), columns.shape[1]
    center = sum((w @ c.double() for c, w in chunks), weights.new_zeros(size)) / total.clamp(min=1e-300)
    posed = weights.new_zeros(size + 1, size + 1)
    for c, w in chunks:
        centered = c.double() - center
        posed[:-1, :-1] += centered.T @ (w[:, None] * centered)
    moments = posed[:-1, :-1] + total * torch.outer(center, center)
    posed[-1, :-1], posed[-1, -1] = center, total
    blocks = moments.unflatten(0, (3, -1)).unflatten(2, (3, -1))  # (3, K+1, 3, K+1)
    axes = blocks.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    dtype = torch.promote_types(mean.dtype, torch.float32)
    return posed.to(dtype), axes.to(dtype).contiguous()


def _checked(weights: Tensor | None, n: int, device: torch.device) -> Tensor:
    if weights is None:
        return torch.ones(n, dtype=torch.float64, device=device)
    if weights.shape != (n,):
        raise ValueError(f"MorphableModel.gram: weights must be ({n},), got {tuple(weights.shape)}")
    if not bool((weights >= 0).all()) or not bool(weights.isfinite().all()):
        raise ValueError("MorphableModel.gram: weights must be finite and not negative; clamp them first")
    if n and not bool((weights > 0).any()):
        raise ValueError("MorphableModel.gram: weights are all zero; leave out the term instead")
    return weights.to(device, torch.float64)
