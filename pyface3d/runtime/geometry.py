"""Forward kernels on arrays; the same functions, checks and numbers as ``pyface3d.ops``."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    import pyface3d.runtime._R as _R
except ImportError as error:
    raise ImportError(
        f"pyface3d.runtime's kernels do not load ({error}); "
        "run 'pip install nanobind-backend', or 'pip install --force-reinstall --no-deps .' in pyface3d's folder"
    ) from error


def _dense(x: Any, dtype: Any = None) -> NDArray:
    """A C-ordered array: of NumPy, of anything with DLPack, or of nested lists."""
    if not isinstance(x, np.ndarray) and hasattr(x, "__dlpack__"):
        x = np.from_dlpack(x)
    return np.ascontiguousarray(x, dtype=dtype)


def simd_level() -> str:
    """The instruction set that the loops run with: "base", "avx2" or "avx512"."""
    return ("base", "avx2", "avx512")[_R.simd_level()]


def synthesize_shape(
    mean: ArrayLike,
    basis: ArrayLike,
    coeffs: ArrayLike,
    pose: ArrayLike | None = None,
    indices: ArrayLike | None = None,
    *,
    threads: int = 0,
) -> NDArray:
    """Synthesizes faces ``S = mean + basis c`` and projects them with ``pose``; see ``pyface3d.ops.synthesize_shape``.

    Args:
        mean: (N, 3) float32 or float64.
        basis: (N, 3, K).
        coeffs: (B, K).
        pose: (B, 3, 4) ``[f R | t]`` or None.
        indices: (L,) vertices to synthesize, or None for all.
        threads: at most so many; 0 for as many as the machine has.

    Returns:
        (B, N, 3), or (B, L, 3) with ``indices``.

    Raises:
        ValueError: shapes or dtypes do not fit together, or an index lies outside [0, N).

    Example:
        >>> import numpy as np
        >>> from pyface3d import runtime
        >>> runtime.synthesize_shape(np.zeros((5, 3)), np.ones((5, 3, 2)), np.ones((1, 2)))[0, 0]
        array([2., 2., 2.])
    """
    pose = None if pose is None else _dense(pose)
    indices = None if indices is None else _dense(indices, np.int64)
    return _R.synthesize_shape(_dense(mean), _dense(basis), _dense(coeffs), pose, indices, threads)


def project_weak_perspective(vertices: ArrayLike, pose: ArrayLike, *, threads: int = 0) -> NDArray:
    """``V' = M V + t``: (B, N, 3), (B, 3, 4) or (B, 2, 4) -> (B, N, 3) or (B, N, 2)."""
    return _R.project_weak_perspective(_dense(vertices), _dense(pose), threads)


def render_position_map(vertices: ArrayLike, corners: ArrayLike, weights: ArrayLike, *, threads: int = 0) -> NDArray:
    """UV position maps (B, 3, U, V) of vertices (B, N, 3), with an atlas' ``corners`` and ``weights`` (U, V, 3)."""
    return _R.render_position_map(_dense(vertices), _dense(corners, np.int32), _dense(weights, np.float32), threads)


def sample_position_map(maps: ArrayLike, uv: ArrayLike, *, threads: int = 0) -> NDArray:
    """Bilinear reading: maps (B, 3, U, V) at uv (N, 2) in [0, 1], v up -> (B, N, 3)."""
    return _R.sample_position_map(_dense(maps), _dense(uv), threads)


def rasterize(
    vertices: ArrayLike,
    triangles: ArrayLike,
    height: int,
    width: int,
    cull_backfaces: bool = False,
    *,
    threads: int = 0,
) -> tuple[NDArray, NDArray, NDArray]:
    """Orthographic z-buffer; see ``pyface3d.ops.rasterize``.

    Args:
        vertices: (B, N, 3) in the image: x right, y down, larger z nearer, pixel centers at integers.
        triangles: (F, 3).
        height: rows H of the image.
        width: columns W of the image.
        cull_backfaces: leave out triangles that look clockwise.
        threads: at most so many; 0 for as many as the machine has.

    Returns:
        triangle ids int32 (B, H, W), -1 where none; barycentrics (B, H, W, 3); depth (B, H, W).

    Raises:
        ValueError: shapes or dtypes do not fit together, or a triangle names a vertex that is not there.

    Example:
        >>> import numpy as np
        >>> from pyface3d import runtime
        >>> corner = np.array([[[0.0, 0, 0], [0, 4, 0], [4, 0, 0]]])
        >>> int((runtime.rasterize(corner, [[0, 1, 2]], 4, 4)[0] == 0).sum())
        10
    """
    return _R.rasterize(_dense(vertices), _dense(triangles, np.int64), height, width, cull_backfaces, threads)


def interpolate(
    attributes: ArrayLike, triangle_ids: ArrayLike, barycentrics: ArrayLike, triangles: ArrayLike, *, threads: int = 0
) -> NDArray:
    """Attributes (B, N, C) or (N, C) at the pixels of ``rasterize`` -> (B, H, W, C), 0 where there is no triangle."""
    ids, table = _dense(triangle_ids, np.int32), _dense(triangles, np.int64)
    return _R.interpolate(_dense(attributes), ids, _dense(barycentrics), table, threads)


def vertex_normals(vertices: ArrayLike, triangles: ArrayLike, *, threads: int = 0) -> NDArray:
    """Area-weighted unit normals (B, N, 3) of vertices (B, N, 3)."""
    return _R.vertex_normals(_dense(vertices), _dense(triangles, np.int64), threads)
