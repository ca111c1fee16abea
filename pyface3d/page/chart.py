"""The texture of a face on the page: which vertices have a place in it, and what the photo puts there."""

import numpy as np
import torch
from scipy.spatial import cKDTree

from pyface3d.morphable import MorphableModel
from pyface3d.morphable.landmark_sets import DEFAULT
from pyface3d.render import extract_texture

SIZE = 512  # texels a side
_STEPS = 32767  # of a texture coordinate in the payload


class Chart:
    """The part of a face model that one chart of its uv layout covers, with one place for each vertex.

    Args:
        model: the face model; of models with parts, the part "face" has the chart.
    """

    def __init__(self, model: MorphableModel):
        self.model = model
        self.usable = False
        if model.uv is None or model.uv_triangles is None:
            return
        triangles, corners = model.triangles.cpu().numpy(), model.uv_triangles.cpu().numpy()
        if "face" in model.parts:
            inside = np.isin(triangles, model.parts["face"].cpu().numpy()).all(1)
            triangles, corners = triangles[inside], corners[inside]
        self.ids = np.unique(triangles)  # (M,) vertices of the chart
        self.triangles, self.corners = np.searchsorted(self.ids, triangles), corners
        self.uv = model.uv.cpu().numpy()
        rows = np.unique(np.stack([triangles.ravel(), corners.ravel()], 1), axis=0)
        places = self.uv[rows[:, 1]]
        self.usable = len(rows) == len(self.ids) and 0 <= places.min() and places.max() <= 1
        if self.usable:
            self.places = places  # (M, 2), in the order of ``ids``

    def vertex_places(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Texture coordinates (N, 2) as int16, v down, and whether a vertex is on the chart (N,).

        Vertices beside the chart have the place of the nearest one on it: the tone there is theirs.
        """
        nearest = cKDTree(mean[self.ids]).query(mean)[1]
        on = np.zeros(len(mean), bool)
        on[self.ids] = True
        places = self.places[nearest] * [1, -1] + [0, 1]
        return np.round(places * _STEPS).astype(np.int16), on

    def texture(self, photo: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """(SIZE, SIZE, 3) uint8: what the photo shows of vertices (N, 3), given in its pixels."""
        points = torch.from_numpy(np.ascontiguousarray(vertices, np.float32))
        marks = self.model.landmark_sets.get(DEFAULT)
        landmarks = marks.of(points).numpy() if marks is not None and bool(marks.mask.all()) else None
        placed = points[torch.from_numpy(self.ids)].numpy()
        chart = (self.triangles, self.uv, self.corners)
        return extract_texture(photo, placed, *chart, size=SIZE, landmarks=landmarks).image
