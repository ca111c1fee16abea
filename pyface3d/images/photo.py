"""One photo as RGB pixels, whatever the file holds."""

import io
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_FILE_PIXELS = 178_000_000  # larger pictures are refused before anything is decoded
MAX_PIXELS = 12_000_000  # larger pictures are reduced while they are decoded

_MOST = MAX_FILE_PIXELS // 1_000_000
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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
        """Boxes (F, 4) left, top, right, bottom in the file's pixels -> in pixels of ``pixels``."""
        return (np.asarray(boxes, np.float64) + 0.5) / np.tile(self.reduction, 2) - 0.5

    def to_file(self, boxes: np.ndarray) -> np.ndarray:
        """The inverse of ``to_memory``."""
        return (np.asarray(boxes, np.float64) + 0.5) * np.tile(self.reduction, 2) - 0.5


def read_photo(
    source: str | os.PathLike[str] | bytes | np.ndarray | Image.Image | Photo, name: str | None = None
) -> Photo:
    """Read a photo: upright (EXIF), 8-bit RGB, with bounded memory.

    Palette, gray, CMYK and 16-bit pictures are converted, transparency is laid over white, of an animation the first
    picture is taken. Pictures above 12 megapixels are reduced while they are decoded.

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
        return _upright(source, name or getattr(source, "filename", "") or "picture")
    if not isinstance(source, (bytes, str, os.PathLike)):
        wanted = "a path, the bytes of a file, an array (H, W, 3) uint8 or a PIL image"
        raise TypeError(f"read_photo: source must be {wanted}, got {type(source).__name__}")
    if not isinstance(source, bytes):
        path = Path(source)
        name = name or str(path)
        if path.is_dir():
            raise ValueError(f"{name}: is a folder, not a picture")
        data = path.read_bytes()
    else:
        data, name = source, name or "bytes"
    return _from_bytes(data, name)


def demo_picture() -> Photo:
    """The embedded picture: a rendered portrait of nobody (``scripts/make_demo_picture.py``).

    Example:
        >>> demo_picture().pixels.shape
        (480, 480, 3)
    """
    return read_photo(resources.files("pyface3d.assets").joinpath("demo.jpg").read_bytes(), "demo.jpg")


def _from_bytes(data: bytes, name: str) -> Photo:
    if not data:
        raise ValueError(f"{name}: the file is empty")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return _upright(image, name)
    except UnidentifiedImageError:
        raise ValueError(f"{name}: not a picture in a format that can be read") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{name}: the picture has more than {_MOST} megapixels") from None
    except MemoryError:
        raise ValueError(f"{name}: the picture does not fit into memory") from None
    except Exception as error:  # decoders of broken files raise whatever they stumble over
        text = str(error)
        raise ValueError(text if text.startswith(name) else f"{name}: the picture is broken ({text})") from None


def _upright(image: Image.Image, name: str) -> Photo:
    width, height = image.size
    if width * height > MAX_FILE_PIXELS:
        raise ValueError(f"{name}: the picture has more than {_MOST} megapixels")
    if min(width, height) < 1:
        raise ValueError(f"{name}: the picture has no pixels")
    excess = (width * height / MAX_PIXELS) ** 0.5
    if excess > 1:
        image.draft("RGB", (round(width / excess), round(height / excess)))  # JPEG is decoded at 1/2, 1/4 or 1/8
    orientation = image.getexif().get(_ORIENTATION, 1)
    factor = -(-image.width * image.height // MAX_PIXELS)  # how many times too many pixels are left
    if factor > 1:
        image = image.reduce(max(2, round(factor**0.5)))
    rgb = _to_rgb(image)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Photo(np.array(rgb, np.uint8), name, width, height)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits and more: scaled by what the type can hold, or by the values
        values = np.asarray(image).astype(np.float64)
        largest = float(values.max(initial=0))
        if image.mode.startswith("I"):
            top = 65535.0 if largest > 255 else 255.0
        else:  # floats are parts of white, unless they are larger
            top = 1.0 if largest <= 1 else max(255.0, largest)
        return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" or "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


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
    return _upright(Image.fromarray(np.ascontiguousarray(array.squeeze())), name)
