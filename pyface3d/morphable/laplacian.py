"""The table of neighbors and weights of a fixed mesh, for ``ops.laplacian_smoothness``."""

import torch
from torch import Tensor, nn

KINDS = ("uniform", "cotangent")


class Laplacian(nn.Module):
    """Each vertex's neighbors, in rows; build it with :func:`build_laplacian`.

    As a module it moves with the loss that holds it. ``ops.laplacian_smoothness(vertices, *laplacian.table)`` uses it.

    Attributes:
        offsets: (N + 1,) int32: vertex n's entries are ``offsets[n]`` to ``offsets[n + 1]``.
        neighbors: (E,) int32, the vertex that each entry names, rising in a row.
        weights: (E,) weight of each entry, the same both ways; None: ones.
        vertex_weights: (N,) factor of each vertex's squared sum: its weight over the square of its entries' sum, so
            that what is squared is the distance from a mean of the neighbors.
    """

    offsets: Tensor
    neighbors: Tensor
    weights: Tensor | None
    vertex_weights: Tensor

    def __init__(self, offsets: Tensor, neighbors: Tensor, weights: Tensor | None, vertex_weights: Tensor) -> None:
        super().__init__()
        for name, tensor in (("offsets", offsets), ("neighbors", neighbors), ("weights", weights),
                             ("vertex_weights", vertex_weights)):  # fmt: skip
            self.register_buffer(name, tensor, persistent=False)

    @property
    def table(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """The arguments of the op that follow the vertices."""
        return self.offsets, self.neighbors, self.weights, self.vertex_weights

    def extra_repr(self) -> str:
        """One line for ``repr``."""
        kind = KINDS[self.weights is not None]
        return f"n_vertices={len(self.offsets) - 1}, n_edges={len(self.neighbors) // 2}, {kind}"


@torch.no_grad()
def build_laplacian(
    triangles: Tensor, vertices: Tensor, kind: str = "uniform", weights: Tensor | None = None
) -> Laplacian:
    """The Laplacian of a mesh; build once, use for every batch of faces of the same triangles.

    Args:
        triangles: (F, 3) integers, the rows of ``vertices`` that are corners.
        vertices: (N, 3) the mesh at rest, for example ``model.mean``: its shape counts for cotangents only.
        kind: "uniform": the mean of the neighbors; "cotangent": the mean weighted by the cotangents of the two angles
            opposite to each edge (Pinkall and Polthier 1993, "Computing Discrete Minimal Surfaces and Their
            Conjugates"), which does not pull vertices along the surface. Negative ones count as 0, so that each vertex
            is held against a point among its neighbors.
        weights: (N,) weight of each vertex; None: ones. Vertices without neighbors count for nothing.

    Returns:
        The table, in the dtype of ``vertices`` (float32 at least) on its device.

    Raises:
        ValueError: a shape does not fit, an index is out of range, a weight is negative or not finite, or ``kind`` is
            unknown.

    Example:
        >>> from pyface3d import MorphableModel, ops
        >>> from pyface3d.morphable import build_laplacian
        >>> model = MorphableModel.default()
        >>> laplacian = build_laplacian(model.triangles, model.mean, "cotangent")
        >>> ops.laplacian_smoothness(model.synthesize(model.sample(2)), *laplacian.table).shape
        torch.Size([2])
    """
    _check(triangles, vertices, kind, weights)
    n, corners = len(vertices), triangles.long()
    starts, ends = corners.flatten(), corners.roll(-1, 1).flatten()  # the edge from each corner to the next
    proper = starts != ends
    both = torch.cat([starts * n + ends, ends * n + starts])[proper.repeat(2)]
    edges, places = both.unique(return_inverse=True)  # sorted: by rows
    rows, neighbors = edges // max(n, 1), edges % max(n, 1)
    offsets = torch.cat([rows.new_zeros(1), rows.bincount(minlength=n).cumsum(0)])
    entries = torch.ones(len(edges), dtype=torch.float64, device=edges.device)
    if kind == "cotangent":
        halves = _cotangents(vertices.double()[corners]).roll(1, 1).flatten()[proper].repeat(2) / 2
        entries = torch.zeros_like(entries).index_add(0, places, halves).clamp(min=0)
    sums = torch.zeros(n, dtype=torch.float64, device=edges.device).index_add(0, rows, entries)
    factors = torch.where(sums > 0, 1 / sums.square(), 0.0)
    factors = factors if weights is None else factors * weights.to(factors)
    dtype = torch.promote_types(vertices.dtype, torch.float32)
    kept = entries.to(dtype) if kind == "cotangent" else None
    return Laplacian(offsets.int(), neighbors.int(), kept, factors.to(dtype))


def _cotangents(corners: Tensor) -> Tensor:
    """Cotangent (F, 3) of the angle at each corner (F, 3, 3); 0 in triangles without area."""
    ahead, behind = corners.roll(-1, 1) - corners, corners.roll(1, 1) - corners
    doubled = torch.linalg.cross(ahead, behind).norm(dim=2)
    return torch.where(doubled > 0, (ahead * behind).sum(2) / doubled, 0.0)


def _check(triangles: Tensor, vertices: Tensor, kind: str, weights: Tensor | None) -> None:
    if kind not in KINDS:
        raise ValueError(f"build_laplacian: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if vertices.dim() != 2 or vertices.shape[1] != 3:
        raise ValueError(f"build_laplacian: vertices must be (N, 3), got {tuple(vertices.shape)}")
    if triangles.dim() != 2 or triangles.shape[1] != 3:
        raise ValueError(f"build_laplacian: triangles must be (F, 3), got {tuple(triangles.shape)}")
    if triangles.numel() and not 0 <= int(triangles.min()) <= int(triangles.max()) < len(vertices):
        raise ValueError(f"build_laplacian: triangles must name vertices in [0, {len(vertices)})")
    if weights is not None and weights.shape != (len(vertices),):
        raise ValueError(f"build_laplacian: weights must be ({len(vertices)},), got {tuple(weights.shape)}")
    if weights is not None and not bool(((weights >= 0) & weights.isfinite()).all()):
        raise ValueError("build_laplacian: weights must be finite and not negative; clamp them first")
