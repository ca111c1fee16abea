"""Landmarks and facial contours drawn on a picture."""

from typing import Any

import cv2
import numpy as np
import torch

from pyface3d.render.forms import Array, as_float, as_pictures, to_uint8

# iBUG's 68 points as polylines: first, one past the last, closed
_CONTOURS = ((0, 17, False), (17, 22, False), (22, 27, False), (27, 31, False), (31, 36, False), (36, 42, True),
             (42, 48, True), (48, 60, True), (60, 68, True))  # fmt: skip
_SHIFT = 4  # fractional bits of OpenCV's coordinates


def draw_landmarks(
    image: Array,
    landmarks: Array,
    *,
    visible: Array | None = None,
    contours: bool = True,
    radius: float | None = None,
    color: tuple[int, int, int] = (60, 220, 90),
    hidden_color: tuple[int, int, int] = (235, 70, 60),
) -> Any:
    """Draws points, and for the 68 and 81 point schemes the facial contours, on a copy of a picture.

    Args:
        image: picture as ``overlay`` takes it, NumPy (H, W, 3) or torch (3, H, W).
        landmarks: (L, 2) or (L, 3) pixels, pixel centers at integers; points that are not finite are left out.
        visible: (L,) bool; the others are drawn in ``hidden_color``. None: all.
        contours: join the points of jaw, brows, nose, eyes and mouth.
        radius: of the dots, in pixels; None: by the size of the picture.
        color: RGB of visible points.
        hidden_color: RGB of the others.

    Returns:
        uint8 RGB, (H, W, 3) NumPy or (3, H, W) torch as ``image``.

    Raises:
        ValueError: shapes that are not these.

    Example:
        >>> picture = draw_landmarks(photo, face.landmarks)
    """
    if landmarks.ndim != 2 or landmarks.shape[1] not in (2, 3):
        raise ValueError(f"draw_landmarks: landmarks must be (L, 2) or (L, 3), got {tuple(landmarks.shape)}")
    canvas = to_uint8(as_pictures("draw_landmarks", image)[0]).cpu().numpy().copy()
    points = as_float(landmarks).cpu().numpy()[:, :2]
    seen = np.ones(len(points), bool) if visible is None else as_float(visible).cpu().numpy() > 0.5
    if seen.shape != (len(points),):
        raise ValueError(f"draw_landmarks: visible must be ({len(points)},), got {seen.shape}")
    size = max(canvas.shape[:2]) / 160 if radius is None else radius
    fixed, drawable = _fixed_point(points)
    if contours and len(points) in (68, 81):
        for first, last, closed in _CONTOURS:
            ids = np.array([*range(first, last), *([first] if closed else [])])
            for a, b in zip(ids, ids[1:]):
                if drawable[a] and drawable[b]:
                    shown = color if seen[a] and seen[b] else hidden_color
                    thickness = max(1, round(size / 2))
                    cv2.line(canvas, tuple(fixed[a]), tuple(fixed[b]), shown, thickness, cv2.LINE_AA, _SHIFT)
    for point in np.flatnonzero(drawable):
        shown = color if seen[point] else hidden_color
        cv2.circle(canvas, tuple(fixed[point]), round(size * (1 << _SHIFT)), shown, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return torch.from_numpy(canvas).movedim(-1, 0) if isinstance(image, torch.Tensor) else canvas


def _fixed_point(points: np.ndarray) -> tuple[list[list[int]], np.ndarray]:
    """OpenCV's fixed-point coordinates, and which points can be drawn at all."""
    drawable = np.isfinite(points).all(1) & (np.abs(np.nan_to_num(points)) < 1 << 15).all(1)
    fixed = np.where(drawable[:, None], points, 0) * (1 << _SHIFT)
    return fixed.round().astype(int).tolist(), drawable
