"""One photo as RGB pixels, whatever the file holds."""

import os
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np
from PIL import Image

from pyface3d.foreign.regular import read_bytes
from pyface3d.images.decoding import MAX_PIXELS, decode, upright


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels in memory and the size they have in the file.

    Coordinates everywhere are pixels of the upright picture in the file: x right, y down, pixel centers at integers.

    Args:
        pixels: (H, W, 3) uint8 RGB, upright, possibly reduced.
        name: where it came from.
        width: of the upright picture in the file.
        height: of the upright picture in the file.
    """

    pixels: np.ndarray
    name: str
    width: int
    height: int

    @property
    def reduction(self) -> np.ndarray:
        """(2,) pixels of the file for one pixel in memory, along x and y; ones unless the picture was reduced."""
        return np.array([self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]])

    def to_memory(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (..., 4) or points (..., 2) in the file's pixels -> in pixels of ``pixels``."""
        return (np.asarray(boxes, np.float64) + 0.5) / np.tile(self.reduction, np.shape(boxes)[-1] // 2) - 0.5

    def to_file(self, boxes: np.ndarray) -> np.ndarray:
        """The inverse of ``to_memory``."""
        return (np.asarray(boxes, np.float64) + 0.5) * np.tile(self.reduction, np.shape(boxes)[-1] // 2) - 0.5

    def pose_to_memory(self, pose: np.ndarray) -> np.ndarray:
        """A pose (3, 4) into the file's pixels, y down -> into pixels of ``pixels``."""
        x, y = self.reduction
        moved = pose / np.array([[x], [y], [(x + y) / 2]])
        moved[:2, 3] += 0.5 / self.reduction - 0.5
        return moved


def read_photo(
    source: str | os.PathLike[str] | bytes | np.ndarray | Image.Image | Photo, name: str | None = None
) -> Photo:
    """Read a photo: upright (EXIF), 8-bit RGB, with bounded memory.

    Palette, gray, CMYK and 16-bit pictures are converted, transparency is laid over white, of an animation the first
    picture is taken. Pictures above 12 megapixels are reduced while they are decoded. Only JPEG, PNG, BMP, GIF, TIFF,
    WebP, PPM and JPEG 2000 are read, and only regular files; their limits are :class:`pyface3d.foreign.Limits`.

    Args:
        source: a path, the bytes of a file, an array (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16, or a PIL image.
        name: what to call it; default: the path.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a picture, a broken one, or one of more than 178 megapixels; the sentence names it.

    Example:
        >>> read_photo(np.zeros((4, 6, 3), np.uint8)).pixels.shape
        (4, 6, 3)
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source, name or "array")
    if isinstance(source, Image.Image):
        named = name or getattr(source, "filename", "") or "picture"
        return _photo(upright(source, named), named)
    if not isinstance(source, (bytes, str, os.PathLike)):
        wanted = "a path, the bytes of a file, an array (H, W, 3) uint8 or a PIL image"
        raise TypeError(f"read_photo: source must be {wanted}, got {type(source).__name__}")
    if not isinstance(source, bytes):
        name = name or os.fspath(source)
        data = read_bytes(source, "photo_bytes")
    else:
        data, name = source, name or "bytes"
    return _photo(decode(data, name), name)


def demo_picture(name: Literal["astronaut", "portrait"] = "astronaut") -> Photo:
    """An embedded picture (``scripts/make_demo_picture.py``).

    Args:
        name: "astronaut", NASA's portrait of Eileen Collins (public domain, as scikit-image ships it), or "portrait",
            a rendered face of nobody.

    Raises:
        ValueError: another name.

    Example:
        >>> demo_picture().pixels.shape, demo_picture("portrait").pixels.shape
        ((320, 320, 3), (480, 480, 3))
    """
    files = {"astronaut": "astronaut.jpg", "portrait": "demo.jpg"}
    if name not in files:
        raise ValueError(f"demo_picture: name must be 'astronaut' or 'portrait', got {name!r}")
    return read_photo(resources.files("pyface3d.assets").joinpath(files[name]).read_bytes(), f"{name}.jpg")


def _photo(decoded: tuple[np.ndarray, tuple[int, int]], name: str) -> Photo:
    pixels, (width, height) = decoded
    return Photo(pixels, name, width, height)


def _from_array(array: np.ndarray, name: str) -> Photo:
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"{name}: an array must be uint8 (H, W), (H, W, 3) or (H, W, 4), got {array.dtype} {array.shape}"
        )
    if 0 in array.shape:
        raise ValueError(f"{name}: the picture has no pixels")
    if array.ndim == 3 and array.shape[2] == 3 and array.shape[0] * array.shape[1] <= MAX_PIXELS:
        return Photo(np.ascontiguousarray(array), name, array.shape[1], array.shape[0])
    plane = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    return _photo(upright(Image.fromarray(np.ascontiguousarray(plane)), name), name)
