"""From a model to the arrays of its atlas."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import binary_fill_holes
from torch import Tensor

from pyface3d import ops
from pyface3d.atlas import regions
from pyface3d.atlas.layout import fill_border, rasterize_layout, texel_coordinates
from pyface3d.morphable.landmark_sets import DEFAULT

if TYPE_CHECKING:
    from pyface3d.morphable import MorphableModel


@dataclass
class Layout:
    """The arrays an atlas is made of; :class:`pyface3d.UVAtlas` documents them."""

    triangle_ids: np.ndarray
    corners: np.ndarray
    barycentrics: np.ndarray
    vertex_uv: np.ndarray
    vertex_ids: np.ndarray
    triangles: np.ndarray
    face_mask: np.ndarray
    landmark_uv: np.ndarray

    def __post_init__(self) -> None:
        size, n = len(self.corners), len(self.vertex_uv)
        for name, want in (("triangle_ids", ()), ("corners", (3,)), ("barycentrics", (3,)), ("face_mask", ())):
            if getattr(self, name).shape != (size, size, *want):
                raise ValueError(f"UVAtlas: {name} must be {(size, size, *want)}, got {getattr(self, name).shape}")
        for name, limit in (("corners", n), ("vertex_ids", n), ("triangles", len(self.vertex_ids))):
            ids = getattr(self, name)
            if ids.size and not 0 <= ids.min() <= ids.max() < limit:
                raise ValueError(f"UVAtlas: {name} must be in [0, {limit}), got {ids.min()} to {ids.max()}")


def layout_of(
    model: "MorphableModel",
    size: int,
    face: Tensor | np.ndarray | None,
    landmark_uv: Tensor | np.ndarray | None,
    border: int,
) -> Layout:
    """The arrays of :meth:`pyface3d.UVAtlas.from_model`, which documents the arguments."""
    if model.uv is None or model.uv_triangles is None:
        raise ValueError(f"UVAtlas.from_model: {model.name} has no UV layout; build it with uv= and uv_triangles=")
    if size < 2 or border < 0:
        raise ValueError(f"UVAtlas.from_model: size must be at least 2 and border at least 0, got {size} and {border}")
    mean, triangles = model.mean.double().cpu().numpy(), model.triangles.cpu().numpy()
    uv, uv_triangles = model.uv.double().cpu().numpy(), model.uv_triangles.cpu().numpy()
    points = texel_coordinates(np.where(_in_tile(uv)[:, None], uv, np.nan), size, size)

    ids, weights = rasterize_layout(points, uv_triangles, size, size)
    if (ids < 0).all():
        raise ValueError(f"UVAtlas.from_model: no triangle of {model.name} covers a texel of a {size} x {size} map")
    inside = binary_fill_holes(ids >= 0)
    ids, weights = fill_border(ids, weights, points, uv_triangles, border)
    corners = np.where(ids[..., None] >= 0, triangles[ids], 0).astype(np.int32)  # (U, V, 3)
    weights = weights.astype(np.float32)

    vertex_uv = _vertex_uv(uv, uv_triangles, triangles, len(mean))
    mean_map = np.einsum("uvkc,uvk->uvc", mean[corners], weights)  # (U, V, 3)
    readable = _readable(mean, mean_map, vertex_uv)
    renumber = np.cumsum(readable) - 1
    return Layout(
        triangle_ids=ids,
        corners=corners,
        barycentrics=weights,
        vertex_uv=np.nan_to_num(vertex_uv).astype(np.float32),
        vertex_ids=np.flatnonzero(readable),
        triangles=renumber[triangles[readable[triangles].all(axis=1)]],
        face_mask=inside & _face_texels(model, mean, mean_map, corners, face),
        landmark_uv=_landmark_uv(model, vertex_uv, readable, landmark_uv),
    )


def _in_tile(uv: np.ndarray) -> np.ndarray:
    inside: np.ndarray = (uv >= -1e-6) & (uv <= 1 + 1e-6)
    return np.logical_and(inside[:, 0], inside[:, 1])


def _vertex_uv(uv: np.ndarray, uv_triangles: np.ndarray, triangles: np.ndarray, n_vertices: int) -> np.ndarray:
    """Where each vertex (N, 2) lies: its first corner in the tile; NaN where it has none."""
    vertices, corners = triangles.ravel(), uv_triangles.ravel()
    kept = _in_tile(uv)[corners]
    vertex, first = np.unique(vertices[kept], return_index=True)
    places = np.full((n_vertices, 2), np.nan)
    places[vertex] = uv[corners[kept][first]]
    return places


def _readable(mean: np.ndarray, mean_map: np.ndarray, vertex_uv: np.ndarray) -> np.ndarray:
    """Vertices (N,) bool that the map of the mean gives back to within 5 % of its size.

    This finds at once what cannot be read: no uv, another tile, a chart without area, one hidden by another.
    """
    placed = np.isfinite(vertex_uv).all(axis=1)
    maps = torch.from_numpy(mean_map).permute(2, 0, 1)[None]  # (1, 3, U, V)
    places = torch.from_numpy(np.where(placed[:, None], vertex_uv, 0))
    error = np.linalg.norm(ops.sample_position_map(maps, places)[0].numpy() - mean, axis=1)
    return placed & (error <= 0.05 * np.linalg.norm(np.ptp(mean, axis=0)))


def _face_texels(
    model: "MorphableModel", mean: np.ndarray, mean_map: np.ndarray, corners: np.ndarray, face: Any
) -> np.ndarray:
    """Texels (U, V) bool of the face: as given, or those above the jaw's plane."""
    size = len(corners)
    if face is None:
        if model.landmarks is None:
            return np.ones((size, size), bool)
        return np.asarray(regions.above_neck(mean_map, mean[model.landmarks.cpu().numpy()]))
    mask = np.asarray(face.cpu() if isinstance(face, Tensor) else face).astype(bool)
    if mask.shape == (size, size):
        return mask
    if mask.shape != (len(mean),):
        raise ValueError(f"UVAtlas.from_model: face must be ({len(mean)},) or ({size}, {size}), got {mask.shape}")
    return mask[corners].all(axis=2)


def _landmark_uv(
    model: "MorphableModel", vertex_uv: np.ndarray, readable: np.ndarray, given: Tensor | np.ndarray | None
) -> np.ndarray:
    """Places (81, 2) of the landmarks in the chart: as given, or of the model's own landmarks."""
    if given is not None:
        places = np.asarray(given.cpu() if isinstance(given, Tensor) else given, np.float32)
        if places.ndim != 2 or places.shape not in ((68, 2), (81, 2)):
            raise ValueError(f"UVAtlas.from_model: landmark_uv must be (68, 2) or (81, 2), got {places.shape}")
        return places
    points = model.landmark_sets.get(DEFAULT)
    if points is None or not bool(points.mask.all()):
        return np.zeros((0, 2), np.float32)
    found = regions.landmark_points(model, np.flatnonzero(readable)).of(torch.from_numpy(np.nan_to_num(vertex_uv)))
    return found.numpy().astype(np.float32)
