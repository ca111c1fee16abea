"""The table of the corners at each vertex of a fixed mesh, for ``ops.vertex_normals``."""

import torch
from torch import Tensor


@torch.no_grad()
def build_incidence(triangles: Tensor, vertex_count: int) -> Tensor:
    """Which corners of triangles lie at each vertex; build once, use for every batch of faces of the same triangles.

    CUDA kernels gather normals and their gradient over it, and would build it anew in every call. Keep it beside the
    triangles, as a buffer, so that it moves with them; it serves any number of faces, and captured graphs.

    Args:
        triangles: (F, 3) integers, rows of vertices that are corners.
        vertex_count: number of vertices N.

    Returns:
        (N + 1 + 3 F,) int32 on the device of ``triangles``: where each vertex's corners begin, then the corners, as
        ``3 f + k`` for corner k of triangle f, rising at each vertex. A triangle that names a vertex twice has no area:
        its corners come last and belong to no vertex.

    Raises:
        ValueError: ``triangles`` is not (F, 3), or an index is out of range.

    Example:
        >>> from pyface3d import MorphableModel, ops
        >>> from pyface3d.morphable import build_incidence
        >>> model = MorphableModel.default()
        >>> incidence = build_incidence(model.triangles, model.n_vertices)
        >>> ops.vertex_normals(model.synthesize(model.sample(2)), model.triangles, incidence).shape
        torch.Size([2, 9409, 3])
    """
    if triangles.dim() != 2 or triangles.shape[1] != 3:
        raise ValueError(f"build_incidence: triangles must be (F, 3), got {tuple(triangles.shape)}")
    if triangles.numel() and not 0 <= int(triangles.min()) <= int(triangles.max()) < vertex_count:
        raise ValueError(f"build_incidence: triangles must name vertices in [0, {vertex_count})")
    corners = triangles.long()
    proper = (corners != corners.roll(1, 1)).all(1, keepdim=True)
    at = torch.where(proper, corners, vertex_count).flatten()  # the vertex of each corner, or none
    counts = at.bincount(minlength=vertex_count)[:vertex_count]
    return torch.cat([at.new_zeros(1), counts.cumsum(0), at.argsort(stable=True)]).int()
