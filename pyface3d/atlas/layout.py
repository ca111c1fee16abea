"""The UV layout of a mesh on a texel grid: which triangle covers a texel, and how the transposed gather walks back."""

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt

EDGE = 1e-5  # texels; a texel center on an edge, up to float32 UV, belongs to the first triangle that touches it
SKINNY = 3.0  # beyond this barycentric weight, extrapolation from a thin triangle is worse than repeating its edge


def texel_coordinates(uv: np.ndarray, height: int, width: int) -> np.ndarray:
    """Texel (column, row) of UV coordinates: texel centers at integers, v up (face3d's ``process_uv``).

    Args:
        uv: (T, 2) in [0, 1], v up.
        height: rows of the map.
        width: columns of the map.

    Returns:
        (T, 2) float64, column = u (width - 1), row = (1 - v)(height - 1).
    """
    uv = np.asarray(uv, np.float64)
    return np.stack([uv[:, 0] * (width - 1), (1.0 - uv[:, 1]) * (height - 1)], axis=1)


def rasterize_layout(
    points: np.ndarray, triangles: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the triangle under every texel center; the first triangle wins where charts overlap.

    Triangles without area, with a NaN corner or wholly outside the grid cover nothing.

    Args:
        points: (T, 2) column and row of each UV vertex.
        triangles: (F, 3) corners.
        height: rows.
        width: columns.

    Returns:
        triangle ids (height, width) int32, -1 where there is none, and barycentrics (height, width, 3) float64.
    """
    corners = points[triangles]  # (F, 3, 2)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]  # (F,) twice the signed area
    usable = np.isfinite(area) & (area != 0)
    corners = np.where(usable[:, None, None], corners, -1.0)  # an empty box outside the grid
    first = np.maximum(np.ceil(corners.min(axis=1) - EDGE), 0).astype(np.int64)  # (F, 2)
    last = np.minimum(np.floor(corners.max(axis=1) + EDGE), [width - 1, height - 1]).astype(np.int64)
    spans = np.maximum(last - first + 1, 0)  # (F, 2)
    counts = spans[:, 0] * spans[:, 1]

    # every (triangle, texel of its box) pair, in triangle order
    owner = np.repeat(np.arange(len(triangles)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = first[owner, 0] + within % np.maximum(spans[owner, 0], 1)
    row = first[owner, 1] + within // np.maximum(spans[owner, 0], 1)
    weights = barycentrics_at(points, triangles[owner], np.stack([column, row], axis=1))
    inside = (weights >= -EDGE).all(axis=1)

    texel, winner = np.unique((row * width + column)[inside], return_index=True)
    triangle_ids = np.full(height * width, -1, np.int32)
    barycentrics = np.zeros((height * width, 3))
    triangle_ids[texel] = owner[inside][winner]
    barycentrics[texel] = weights[inside][winner]
    return triangle_ids.reshape(height, width), barycentrics.reshape(height, width, 3)


def barycentrics_at(points: np.ndarray, triangles: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Barycentric weights (M, 3) of ``where`` (M, 2) in ``triangles`` (M, 3), also outside of them."""
    a, b, c = (points[triangles[:, k]] for k in range(3))  # (M, 2) each

    def cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

    with np.errstate(divide="ignore", invalid="ignore"):
        area = cross(b - a, c - a)
        second, third = cross(where - a, c - a) / area, cross(b - a, where - a) / area
    return np.stack([1.0 - second - third, second, third], axis=1)


def fill_border(
    triangle_ids: np.ndarray, barycentrics: np.ndarray, points: np.ndarray, triangles: np.ndarray, border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Extends the charts by ``border`` texels, so that bilinear reads at their edge find positions on both sides.

    A border texel continues the triangle of the nearest covered texel linearly; where that triangle is too thin to
    continue, it repeats the covered texel. Holes within a chart (an open mouth) are filled to their middle: deeper than
    the border they repeat the nearest covered texel too.

    Returns:
        The two arrays with the border filled in; the inputs are left as they were.
    """
    empty = triangle_ids < 0
    if empty.all() or not empty.any():
        return triangle_ids, barycentrics
    distance, nearest = distance_transform_edt(empty, return_indices=True)
    near = distance < border + 0.5
    ring = empty & (near | binary_fill_holes(~empty))
    row, column = np.nonzero(ring)
    source = (nearest[0][ring], nearest[1][ring])
    weights = barycentrics_at(points, triangles[triangle_ids[source]], np.stack([column, row], axis=1))
    repeated = ~(np.abs(weights).max(axis=1) <= SKINNY) | ~near[ring]
    weights[repeated] = barycentrics[source][repeated]
    ids, filled = triangle_ids.copy(), barycentrics.copy()
    ids[ring], filled[ring] = triangle_ids[source], weights
    return ids, filled


def transpose_gather(
    corners: np.ndarray, weights: np.ndarray, n_vertices: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns "texel reads three vertices" round into "vertex is read by these texels" (compressed rows).

    Args:
        corners: (T, 3) vertex of each texel corner.
        weights: (T, 3) its barycentric weight; zeros are dropped.
        n_vertices: number of vertices N.

    Returns:
        offsets (N + 1,) int32, texels (E,) int32 ascending within a vertex, weights (E,) float32.
    """
    texel, corner = np.nonzero(weights)
    vertex = corners[texel, corner]
    order = np.argsort(vertex, kind="stable")
    offsets = np.zeros(n_vertices + 1, np.int32)
    np.cumsum(np.bincount(vertex, minlength=n_vertices), out=offsets[1:])
    return offsets, texel[order].astype(np.int32), weights[texel, corner][order].astype(np.float32)
