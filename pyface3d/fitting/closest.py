"""The points of a mesh that are nearest to many others."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pyface3d.fitting.placing import nearest_feet

_FAN = 3  # nearest vertices whose triangles are searched


class Feet(NamedTuple):
    """Points of a mesh: corners (P, 3), barycentrics (P, 3), and the distance (P,) of what each is nearest to."""

    corners: Tensor
    weights: Tensor
    distance: Tensor

    def of(self, values: Tensor) -> Tensor:
        """What values (N, C) of the vertices are at the points (P, C)."""
        return (values[self.corners] * self.weights[..., None]).sum(1)


class Mesh:
    """Triangles with what stays the same when their vertices move: fans, and which vertices lie on a border."""

    def __init__(self, triangles: Tensor, n_vertices: int) -> None:
        self.triangles = triangles
        edges = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).sort(1).values
        self.edges, shared = edges.unique(dim=0, return_counts=True)  # (E, 2)
        self.border = torch.zeros(n_vertices, dtype=torch.bool)
        self.border[self.edges[shared == 1].flatten()] = True
        self.used = triangles.unique()
        self.fans = _fans(triangles, n_vertices)  # (N, T)

    def normals(self, vertices: Tensor) -> Tensor:
        """(N, 3) of unit length."""
        a, b, c = vertices[self.triangles].unbind(1)
        flat = torch.linalg.cross(b - a, c - a).repeat(3, 1)
        whole = torch.zeros_like(vertices).index_add(0, self.triangles.T.flatten(), flat)
        return torch.nn.functional.normalize(whole, dim=1)

    def closest(self, points: Tensor, vertices: Tensor) -> Feet:
        """The nearest points of the surface with vertices (N, 3) float64, over the triangles about near vertices."""
        near = cKDTree(vertices[self.used].numpy()).query(points.numpy(), k=min(_FAN, len(self.used)))[1]
        candidates = self.fans[self.used[torch.from_numpy(np.atleast_2d(near.T).T)]].flatten(1)  # (P, 3 T)
        corners = self.triangles[candidates.clamp_min(0)]  # (P, 3 T, 3)
        offsets = vertices[corners] - points[:, None, None]
        squared, weights = nearest_feet(*offsets.unbind(2))
        squared = torch.where(candidates < 0, torch.inf, squared)
        best, rows = squared.argmin(1), torch.arange(len(points))
        return Feet(corners[rows, best], weights[rows, best], squared[rows, best].sqrt())

    def inner(self, feet: Feet) -> Tensor:
        """(P,) bool: the points that do not lie on a border, where surfaces that end elsewhere are nearest too."""
        return ~(self.border[feet.corners] | (feet.weights < 1e-9)).all(1)


def _fans(triangles: Tensor, n_vertices: int) -> Tensor:
    """(N, T) triangles around each vertex, filled up with -1."""
    vertex, order = triangles.flatten().sort(stable=True)
    counts = vertex.bincount(minlength=n_vertices)
    rank = torch.arange(len(vertex)) - (counts.cumsum(0) - counts)[vertex]
    fans = torch.full((n_vertices, int(counts.max()) if len(counts) else 0), -1)
    fans[vertex, rank] = order // 3
    return fans
