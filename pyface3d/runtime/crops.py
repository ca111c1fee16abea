"""Cutting faces out of photos and mapping results back, in NumPy; the same rules as ``pyface3d.camera``."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHIFTS = {"3ddfa": (0, 1), "3ddfa_v2": (-1, 0), "face3d": (0, -1)}  # of x and z, and of y
FLIPS = tuple(_SHIFTS)  # ways from the y-up frame of a pose to the crop


def crop(image: NDArray, roi: ArrayLike, size: int) -> NDArray:
    """The box ``roi`` (left, top, right, bottom) of an image (H, W, 3) uint8, bilinear at size x size, zeros outside.

    Raises:
        ValueError: the image is not (H, W, 3) uint8, or the box is empty.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"crop: image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
    corners = np.rint(np.asarray(roi, np.float64))
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise ValueError(f"crop: roi must be four finite numbers left, top, right, bottom, got {roi!s}")
    left, top, right, bottom = (int(corner) for corner in corners)
    if right <= left or bottom <= top:
        raise ValueError(f"crop: roi must have left < right and top < bottom, got {[left, top, right, bottom]}")
    window = np.zeros((bottom - top, right - left, 3), np.uint8)
    y0, y1, x0, x1 = max(top, 0), min(bottom, image.shape[0]), max(left, 0), min(right, image.shape[1])
    if y1 > y0 and x1 > x0:
        window[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return _resize(window, size)


def _resize(window: NDArray, size: int) -> NDArray:
    def taps(length: int) -> tuple[NDArray, NDArray, NDArray]:
        at = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
        low = np.minimum(at.astype(np.int64), max(length - 2, 0))
        return low, np.minimum(low + 1, length - 1), (at - low).astype(np.float32)

    r0, r1, wr = taps(window.shape[0])
    c0, c1, wc = taps(window.shape[1])
    rows = window[r0] * (1 - wr)[:, None, None] + window[r1] * wr[:, None, None]  # (S, w, 3)
    pixels = rows[:, c0] * (1 - wc)[:, None] + rows[:, c1] * wc[:, None]  # (S, S, 3)
    return np.rint(pixels).astype(np.uint8)


def roi_from_landmarks(points: NDArray) -> NDArray:
    """The square crop (4,) around points (L, 2) or (L, 3), as ``pyface3d.camera.roi_from_landmarks`` lays it."""
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not len(points):
        raise ValueError(f"roi_from_landmarks: points must be (L, 2) or (L, 3), got {points.shape}")
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = (high - low).max() * 2**0.5
    start = (low + high - side) / 2
    return np.concatenate([start, start + side]).astype(np.float32)


def to_photo(points: NDArray, roi: ArrayLike, size: int) -> NDArray:
    """Points (..., 3) in a crop of ``size`` pixels -> in the photo that ``roi`` was cut from; z is scaled as x."""
    left, top, right, bottom = np.asarray(roi, np.float32)
    scale = np.array([(right - left) / size, (bottom - top) / size, (right - left + bottom - top) / (2 * size)])
    return points * scale.astype(points.dtype) + np.array([left, top, 0], points.dtype)


def flip_y(points: NDArray, size: int, flip: str) -> NDArray:
    """From the pose's y-up frame to the crop, by the names of ``pyface3d.camera.flip_y``."""
    if flip not in _SHIFTS:
        raise ValueError(f"flip_y: flip must be '3ddfa', '3ddfa_v2' or 'face3d', got {flip!r}")
    (xz, up), (x, y, z) = _SHIFTS[flip], np.moveaxis(points, -1, 0)
    return np.stack([x + xz, size + up - y, z + xz], -1)


def pose_to_angles(pose: NDArray) -> NDArray:
    """Pitch, yaw and roll (3,) in radians of a pose (3, 4), as ``pyface3d.camera.pose_to_angles`` gives them."""
    rows = pose[:, :3].astype(np.float64)
    sign = -1.0 if np.linalg.det(rows) < 0 else 1.0  # a mirrored matrix has a negative scale
    first, second = (sign * row / np.linalg.norm(row) for row in rows[:2])
    r = np.stack([first, second, np.cross(first, second)])
    yaw = np.arcsin(np.clip(-r[0, 2], -1, 1))
    if abs(r[0, 2]) > 1 - 1e-7:  # only pitch -+ roll is defined
        return np.array([np.arctan2(-r[2, 1], r[1, 1]), yaw, 0.0])
    return np.array([np.arctan2(r[1, 2], r[2, 2]), yaw, np.arctan2(r[0, 1], r[0, 0])])
