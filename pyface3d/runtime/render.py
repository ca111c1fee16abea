"""Shaded pictures of meshes, without torch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyface3d.runtime.geometry import interpolate, rasterize, vertex_normals

LIGHT = np.array([0.25, -0.35, 0.9])  # from the viewer, a little above and to the right


def render(
    vertices: ArrayLike,
    triangles: ArrayLike,
    height: int,
    width: int,
    *,
    background: ArrayLike | None = None,
    color: tuple[float, float, float] = (0.86, 0.78, 0.72),
    threads: int = 0,
) -> NDArray:
    """Draws one face over a picture, with diffuse light.

    Args:
        vertices: (N, 3) in the picture: x right, y down, larger z nearer.
        triangles: (F, 3), outward counter-clockwise seen in a y-up frame.
        height: rows H of the picture.
        width: columns W of the picture.
        background: (H, W, 3) uint8, or None for white.
        color: red, green and blue in [0, 1].
        threads: at most so many; 0 for as many as the machine has.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: shapes do not fit together.

    Example:
        >>> import numpy as np
        >>> from pyface3d import runtime
        >>> runtime.render(np.array([[1.0, 1, 0], [8, 1, 0], [1, 8, 0]]), [[0, 1, 2]], 10, 10).shape
        (10, 10, 3)
    """
    points = np.ascontiguousarray(vertices, np.float32)[None]  # (1, N, 3)
    image = np.full((height, width, 3), 255, np.uint8) if background is None else np.array(background, np.uint8)
    if image.shape != (height, width, 3):
        raise ValueError(f"render: background must be ({height}, {width}, 3), got {image.shape}")
    ids, barycentrics, _ = rasterize(points, triangles, height, width, threads=threads)
    normals = vertex_normals(points, triangles, threads=threads)
    normals *= np.where(normals[..., 2:].mean() < 0, -1, 1).astype(np.float32)  # y down turns outward into inward
    light = (LIGHT / np.linalg.norm(LIGHT)).astype(np.float32)
    shade = 0.35 + 0.65 * np.clip(normals @ light, 0, 1)[..., None]  # (1, N, 1)
    colors = np.ascontiguousarray(shade * np.asarray(color, np.float32) * 255)
    drawn = interpolate(colors, ids, barycentrics, triangles, threads=threads)[0]  # (H, W, 3)
    covered = ids[0] >= 0
    image[covered] = np.clip(drawn[covered] + 0.5, 0, 255).astype(np.uint8)
    return image
