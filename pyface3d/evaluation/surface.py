"""Distances from points to surfaces: to the nearest vertex's plane, or to the nearest point of a triangle mesh."""

import numpy as np
from scipy.spatial import cKDTree


def point_to_plane(points: np.ndarray, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Distance of each point to the tangent plane of its nearest vertex.

    Args:
        points: (P, 3).
        vertices: (N, 3).
        normals: (N, 3) of unit length.

    Returns:
        (P,) not negative.
    """
    nearest = cKDTree(vertices).query(points)[1]
    return np.abs(((points - vertices[nearest]) * normals[nearest]).sum(1))


def point_to_mesh(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, neighbors: int = 3) -> np.ndarray:
    """Distance of each point to the surface of a mesh.

    Exact over all triangles around the ``neighbors`` vertices nearest to the point.

    Args:
        points: (P, 3).
        vertices: (N, 3); vertices of no triangle are ignored.
        triangles: (F, 3).
        neighbors: vertices whose triangles are searched.

    Returns:
        (P,) not negative.

    Example:
        >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
        >>> point_to_mesh(np.array([[0.2, 0.2, 3.0]]), corners, np.array([[0, 1, 2]]))
        array([3.])
    """
    used = np.unique(triangles)
    neighbors = min(neighbors, len(used))
    nearest = cKDTree(vertices[used]).query(points, k=neighbors)[1].reshape(len(points), neighbors)
    fans = _fans(triangles, len(vertices))[used[nearest]].reshape(len(points), -1)  # (P, T), -1 fills up
    best = np.full(len(points), np.inf)
    for column in fans.T:  # a few dozen columns, each over all points
        here = column >= 0
        corners = vertices[triangles[column[here]]]
        best[here] = np.minimum(best[here], _squared_distance(points[here], corners))
    return np.sqrt(best)


def _fans(triangles: np.ndarray, count: int) -> np.ndarray:
    """(N, T) triangles around each vertex, filled up with -1."""
    vertex, triangle = triangles.reshape(-1), np.repeat(np.arange(len(triangles)), 3)
    order = np.argsort(vertex, kind="stable")
    vertex, triangle = vertex[order], triangle[order]
    valence = np.bincount(vertex, minlength=count)
    rank = np.arange(len(vertex)) - np.repeat(np.cumsum(valence) - valence, valence)
    fans = np.full((count, valence.max(initial=0)), -1)
    fans[vertex, rank] = triangle
    return fans


def _squared_distance(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Squared distance (P,) of points (P, 3) to triangles (P, 3, 3): the plane where its foot lies inside, else the
    edges.
    """
    a, b, c = corners.transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    area = (normal**2).sum(1)
    safe = np.where(area > 0, area, 1.0)
    plane = ((points - a) * normal).sum(1) ** 2 / safe
    inside = area > 0
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(end - start, points - start) * normal).sum(1) >= 0
    edges = np.min([_squared_to_segment(points, start, end) for start, end in ((a, b), (b, c), (c, a))], axis=0)
    return np.where(inside, plane, edges)


def _squared_to_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    length = (along**2).sum(1)
    share = ((points - start) * along).sum(1) / np.where(length > 0, length, 1.0)
    foot = start + np.clip(share, 0, 1)[:, None] * along
    return ((points - foot) ** 2).sum(1)
