"""From the array layouts of published model files to those of ``MorphableModel``."""

import numpy as np


def vertices_from_flat(flat: np.ndarray) -> np.ndarray:
    """(3N,), (3N, 1) or (1, 3N), x0 y0 z0 x1 ..., to (N, 3) float32."""
    if flat.size % 3:
        raise ValueError(f"a flat vector of vertices must have 3N entries, got {flat.size}")
    return flat.reshape(-1, 3).astype(np.float32)


def basis_from_flat(flat: np.ndarray) -> np.ndarray:
    """(3N, K) to (N, 3, K) float32."""
    if flat.ndim != 2 or len(flat) % 3:
        raise ValueError(f"a basis must be (3N, K), got {flat.shape}")
    return flat.reshape(-1, 3, flat.shape[1]).astype(np.float32)


def zero_based(triangles: np.ndarray, first: int) -> np.ndarray:
    """(3, F) or (F, 3) vertex ids that count from ``first`` to (F, 3) int64 that count from 0."""
    if triangles.ndim != 2 or 3 not in triangles.shape:
        raise ValueError(f"triangles must be (3, F) or (F, 3), got {triangles.shape}")
    rows = triangles if triangles.shape[1] == 3 else triangles.T
    return rows.astype(np.int64) - first


def outward(mean: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles counter-clockwise seen from outside: all turned over where they face the middle of the shape.

    Basel's files wind inward in their own frame (and outward after the flip to image coordinates).
    """
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(mean):
        return triangles  # for MorphableModel to report
    a, b, c = mean.astype(np.float64)[triangles].transpose(1, 0, 2)
    volume = np.einsum("fc,fc->", np.cross(b - a, c - a), a - mean.mean(axis=0))
    return triangles if volume >= 0 else triangles[:, ::-1]


def landmarks_from_coordinates(coordinates: np.ndarray) -> np.ndarray:
    """3DDFA's flat coordinate ids (204,), three per landmark, to vertex ids (68,)."""
    return coordinates.reshape(-1, 3)[:, 0].astype(np.int64) // 3
