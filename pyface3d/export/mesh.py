"""A mesh as viewers want it: y up, meters, triangles counter-clockwise seen from outside."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pyface3d import ops
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.content import METERS
from pyface3d.render.forms import Array, as_pictures, as_tensor, to_uint8

_FACE_HEIGHT = 0.2  # meters given to a mesh that is known in pixels only


@dataclass
class Mesh:
    """Everything a mesh file holds; NumPy or torch in, NumPy kept.

    Args:
        vertices: (N, 3) meters, x right, y up, z towards the viewer.
        triangles: (F, 3) vertex indices; turned over when they wind inward (negative volume about the center).
        uv: (T, 2) texture coordinates in [0, 1], v up.
        uv_triangles: (F, 3) rows of ``uv``; None: ``triangles``.
        texture: picture laid out by ``uv``, NumPy (H, W, 3) or torch (3, H, W).
        colors: (N, 3) sRGB vertex colors, uint8 or floating in [0, 1].
        morph_targets: name to (N, 3) displacements of the vertices, meters.
        morph_weights: how far each target is applied in the face shown; as many as targets; None: zeros.

    Raises:
        ValueError: shapes do not fit together, or an index is out of range.

    Example:
        >>> mesh = Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]), np.array([[0, 1, 2]]))
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None = None
    uv_triangles: np.ndarray | None = None
    texture: np.ndarray | None = None
    colors: np.ndarray | None = None
    morph_targets: dict[str, np.ndarray] = field(default_factory=dict)
    morph_weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.vertices = _array("vertices", self.vertices, np.float32, (None, 3))
        n = len(self.vertices)
        self.triangles = _indices("triangles", self.triangles, (None, 3), n)
        if self.uv is not None:
            self.uv = _array("uv", self.uv, np.float32, (None, 2))
            self.uv_triangles = _indices("uv_triangles", self.chart, (len(self.triangles), 3), len(self.uv))
        if self.texture is not None:
            if self.uv is None:
                raise ValueError("Mesh: texture needs uv, got none")
            self.texture = to_uint8(as_pictures("Mesh", self.texture)[0]).cpu().numpy()
        if self.colors is not None:
            scale = 1 if self.colors.dtype in (np.uint8, torch.uint8) else 255
            colors = _array("colors", self.colors, np.float32, (n, 3)) * scale
            self.colors = colors.round().clip(0, 255).astype(np.uint8)
        targets = {name: _array(name, moves, np.float32, (n, 3)) for name, moves in self.morph_targets.items()}
        self.morph_targets = targets
        weights = np.zeros(len(targets)) if self.morph_weights is None else self.morph_weights
        self.morph_weights = _array("morph_weights", weights, np.float32, (len(targets),))
        if _volume(self.vertices, self.triangles) < 0:
            self.triangles = self.triangles[:, ::-1].copy()
            self.uv_triangles = None if self.uv_triangles is None else self.uv_triangles[:, ::-1].copy()

    @classmethod
    def from_model(
        cls, model: MorphableModel, coeffs: Array | None = None, shape: Array | None = None, **options: Any
    ) -> "Mesh":
        """The face of a model, at rest, with its expression modes as morph targets.

        A target moves the vertices by one standard deviation of its mode, or by the whole blendshape where the
        expressions are named blendshapes; the weights are those of ``coeffs``: viewers open with its expression.

        Args:
            model: the face model; its unit must be m, dm, cm, mm or um.
            coeffs: (K,) identity then expression; None: the mean face.
            shape: (N, 3) the face shown, in the model's frame and unit, where ``coeffs`` are only near it: the vertices
                at rest then carry the difference.
            options: texture, colors; uv and vertex colors are the model's own.

        Raises:
            ValueError: coeffs of another length, or an unknown unit.

        Example:
            >>> Mesh.from_model(model).morph_targets.keys()
        """
        if model.unit not in METERS:
            raise ValueError(f"Mesh.from_model: the model's unit must be {', '.join(METERS)}, got {model.unit!r}")
        coeffs = torch.zeros(model.n_coeffs) if coeffs is None else as_tensor(coeffs).float().cpu()
        if coeffs.shape != (model.n_coeffs,):
            raise ValueError(f"Mesh.from_model: coeffs must be ({model.n_coeffs},), got {tuple(coeffs.shape)}")
        identity, expression = model.split(coeffs)
        at_rest = torch.cat([identity, torch.zeros_like(expression)])[None].to(model.mean.device)
        scale = METERS[model.unit]
        rest = model.synthesize(at_rest)[0].float().cpu()
        if shape is not None:
            rest = as_tensor(shape).float().cpu() - model.expression_basis.float().cpu() @ expression
        named = model.blendshapes is not None and model.blendshapes.names == model.expression_names
        std = torch.ones_like(expression) if named else model.expression_std.float().cpu()
        moves = (model.expression_basis.float().cpu() * std * scale).permute(2, 0, 1)  # (K_e, N, 3)
        options = {"colors": model.colors, "uv": model.uv, "uv_triangles": model.uv_triangles} | options
        return cls(
            as_numpy(rest * scale),
            as_numpy(model.triangles),
            morph_targets=dict(zip(model.expression_names, as_numpy(moves))),
            morph_weights=as_numpy(expression / std.where(std > 0, torch.ones(()))),
            **options,
        )

    @classmethod
    def from_image(cls, vertices: Array, triangles: Array, **options: Any) -> "Mesh":
        """A mesh in a photo's frame (pixels, y down), centered and scaled to a face's 0.2 m.

        Args:
            vertices: (N, 3) pixels, larger z nearer.
            triangles: (F, 3) vertex indices.
            options: the other arguments of ``Mesh``.

        Example:
            >>> mesh = Mesh.from_image(vertices, model.triangles, uv=model.uv, texture=texture.image)
        """
        points = _array("vertices", vertices, np.float32, (None, 3)) * np.array([1, -1, 1], np.float32)
        finite = points[np.isfinite(points).all(1)]
        if len(finite):
            low, high = finite.min(0), finite.max(0)
            points = (points - (low + high) / 2) * (_FACE_HEIGHT / max(float((high - low)[:2].max()), 1e-12))
        return cls(points, as_numpy(triangles), **options)

    @property
    def chart(self) -> np.ndarray:
        """(F, 3) rows of ``uv`` of each triangle's corners."""
        return self.triangles if self.uv_triangles is None else self.uv_triangles

    def normals(self) -> np.ndarray:
        """(N, 3) unit vertex normals, outward; (0, 0, 1) at vertices without area."""
        normals = ops.vertex_normals(torch.from_numpy(self.vertices)[None], torch.from_numpy(self.triangles))[0].numpy()
        normals[(normals == 0).all(1)] = (0, 0, 1)
        return normals

    def unified(self) -> tuple["Mesh", np.ndarray]:
        """The mesh with one uv per vertex, as GLB wants it, and its normals (those of this mesh, so no seam shows).

        Vertices on uv seams are repeated behind the others, which keep their places.
        """
        if self.uv is None:
            return self, self.normals()
        corner, chart, first = self.triangles.ravel(), self.chart.ravel(), self._first_uv()
        seam = first[corner] != chart
        extra, place = np.unique(corner[seam] * len(self.uv) + chart[seam], return_inverse=True)
        corner = corner.copy()
        corner[seam] = len(self.vertices) + place
        rows = np.concatenate([np.arange(len(self.vertices)), extra // len(self.uv)])
        uv_rows = np.concatenate([first, extra % len(self.uv)])
        whole = replace(
            self,
            vertices=self.vertices[rows],
            triangles=corner.reshape(-1, 3),
            uv=np.where(uv_rows[:, None] >= 0, self.uv[uv_rows], np.float32(0)),
            uv_triangles=None,
            colors=None if self.colors is None else self.colors[rows],
            morph_targets={name: moves[rows] for name, moves in self.morph_targets.items()},
        )
        return whole, self.normals()[rows]

    def _first_uv(self) -> np.ndarray:
        """(N,) the uv row that each vertex meets first in the table; -1: none."""
        row = np.full(len(self.vertices), -1, np.int64)
        row[self.triangles.ravel()[::-1]] = self.chart.ravel()[::-1]
        return row


def as_numpy(values: Any) -> np.ndarray:
    """The same values as NumPy array; shares memory where it can."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _array(name: str, values: Any, dtype: type, shape: tuple[int | None, ...]) -> np.ndarray:
    array = as_numpy(values)
    if array.ndim != len(shape) or any(s not in (None, a) for a, s in zip(array.shape, shape)):
        wanted = ", ".join("*" if s is None else str(s) for s in shape)
        raise ValueError(f"Mesh: {name} must be ({wanted}), got {array.shape}")
    return np.ascontiguousarray(array, dtype)


def _indices(name: str, values: Any, shape: tuple[int | None, ...], size: int) -> np.ndarray:
    array = _array(name, values, np.int64, shape)
    if array.size and not 0 <= array.min() <= array.max() < size:
        raise ValueError(f"Mesh: {name} must be in [0, {size}), got {array.min()} to {array.max()}")
    return array


def _volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Signed volume between the triangles and the center of the mesh; positive for outward winding."""
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    if not len(a):
        return 0.0
    center = (a + b + c).mean(0) / 3
    return float(np.nansum(np.einsum("fi,fi->f", a - center, np.cross(b - center, c - center))))
