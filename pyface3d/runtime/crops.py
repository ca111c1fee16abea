"""Cutting faces out of photos and mapping results back, in NumPy; the same rules as ``pyface3d.camera``."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def crop(image: NDArray, roi: ArrayLike, size: int) -> NDArray:
    """The box ``roi`` (left, top, right, bottom) of an image (H, W, 3) uint8, bilinear at size x size, zeros outside.

    Raises:
        ValueError: the image is not (H, W, 3) uint8, or the box is empty.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"crop: image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
    left, top, right, bottom = (int(v) for v in np.rint(np.asarray(roi, np.float64)))
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
    return (pixels + 0.5).astype(np.uint8)


def to_photo(points: NDArray, roi: ArrayLike, size: int) -> NDArray:
    """Points (..., 3) in a crop of ``size`` pixels -> in the photo that ``roi`` was cut from; z keeps its scale to x."""
    left, top, right, bottom = np.asarray(roi, np.float32)
    scale = np.array([(right - left) / size, (bottom - top) / size, (right - left + bottom - top) / (2 * size)])
    return points * scale.astype(points.dtype) + np.array([left, top, 0], points.dtype)


def flip_y(points: NDArray, size: int, flip: str) -> NDArray:
    """From the pose's y-up frame to the crop, by the names of ``pyface3d.camera.flip_y``."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    if flip == "3ddfa":
        return np.stack([x, size + 1 - y, z], -1)
    if flip == "3ddfa_v2":
        return np.stack([x - 1, size - y, z - 1], -1)
    if flip == "face3d":
        return np.stack([x, size - 1 - y, z], -1)
    raise ValueError(f"flip_y: flip must be '3ddfa', '3ddfa_v2' or 'face3d', got {flip!r}")
