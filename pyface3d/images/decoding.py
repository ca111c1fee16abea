"""Bytes of a picture to upright RGB pixels, in bounded memory."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from pyface3d.foreign.limits import limits

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000")  # none of them starts a program
MAX_PIXELS = 12_000_000  # larger pictures are reduced while they are decoded

_BAND = 1 << 22  # pixels that are converted together
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
_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # bytes in memory, of modes of less than four
_WORK = {"GIF": 8, "WEBP": 8, "JPEG2000": 16}  # further bytes for each pixel, taken by the decoder itself


def decode(data: bytes, name: str, most: int | None = MAX_PIXELS) -> tuple[np.ndarray, tuple[int, int]]:
    """Decodes a picture file.

    Args:
        data: its bytes.
        name: what sentences call it.
        most: pixels above which the picture is reduced; None: never.

    Returns:
        (H, W, 3) uint8 RGB, upright; and the width and height of the upright picture in the file.

    Raises:
        ValueError: not a picture, a broken one, or one beyond the limits; the sentence names it.
    """
    if not data:
        raise ValueError(f"{name}: the file is empty")
    try:
        allowed = limits().photo_pixels
        if allowed > 2 * (Image.MAX_IMAGE_PIXELS or allowed):  # the user asked for more than the library's own limit
            Image.MAX_IMAGE_PIXELS = allowed
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return upright(image, name, most)
    except UnidentifiedImageError:
        raise ValueError(f"{name}: not a picture in a format that can be read") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{name}: the picture has more than {_megapixels()} megapixels") from None
    except MemoryError:
        raise ValueError(f"{name}: the picture does not fit into memory") from None
    except Exception as error:  # decoders of broken files raise whatever they stumble over
        text = " ".join(str(error).split())
        raise ValueError(text if text.startswith(name) else f"{name}: the picture is broken ({text[:200]})") from None


def upright(image: Image.Image, name: str, most: int | None = MAX_PIXELS) -> tuple[np.ndarray, tuple[int, int]]:
    """``decode`` of an opened picture."""
    width, height = image.size
    if width * height > limits().photo_pixels:
        raise ValueError(f"{name}: the picture has more than {_megapixels()} megapixels")
    if min(width, height) < 1:
        raise ValueError(f"{name}: the picture has no pixels")
    excess = (width * height / most) ** 0.5 if most else 1.0
    if excess > 1:
        image.draft("RGB", (round(width / excess), round(height / excess)))  # JPEG is decoded at 1/2, 1/4 or 1/8
    if _memory(image, width * height) > limits().photo_memory:
        raise ValueError(f"{name}: the picture takes more memory to decode than the limit photo_memory")
    orientation = image.getexif().get(_ORIENTATION, 1)
    factor = -(-image.width * image.height // most) if most else 1  # how many times too many pixels are left
    rgb = _rgb(image, max(2, round(factor**0.5)) if factor > 1 else 1)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return np.array(rgb, np.uint8), (width, height)


def _megapixels() -> int:
    return limits().photo_pixels // 1_000_000


def _memory(image: Image.Image, in_file: int) -> int:
    """Bytes that decoding takes."""
    need = image.width * image.height * (_PIXEL.get(image.mode, 4) + _WORK.get(image.format or "", 0))
    if image.info.get("progressive") or image.info.get("progression"):  # all coefficients, before any reduction
        need += in_file * 2 * len(image.getbands())
    return need


def _rgb(image: Image.Image, factor: int) -> Image.Image:
    """RGB at 1 / ``factor`` of the size, converted in bands, so that wide types never fill memory."""
    image.load()
    if factor > 1 and image.mode in ("RGB", "L"):
        return image.reduce(factor).convert("RGB")
    if factor == 1 and image.width * image.height <= _BAND:
        return _converted(image, _largest(image))
    rows = max(1, _BAND // image.width // factor) * factor
    top = max(_largest(_band(image, y, rows)) for y in range(0, image.height, rows))
    height = -(-image.height // factor)
    whole = Image.new("RGB", (-(-image.width // factor), height))
    for y in range(0, image.height, rows):
        band = _converted(_band(image, y, rows), top)
        whole.paste(band.reduce(factor) if factor > 1 else band, (0, y // factor))
    return whole


def _band(image: Image.Image, y: int, rows: int) -> Image.Image:
    return image.crop((0, y, image.width, min(y + rows, image.height)))


def _largest(image: Image.Image) -> float:
    """The largest value of a picture of more than 8 bits; 0 for others."""
    if not image.mode.startswith(("I", "F")):
        return 0.0
    values = np.asarray(image)
    return float(np.max(values, initial=0, where=np.isfinite(values)))


def _converted(image: Image.Image, largest: float) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits and more: scaled by what the type can hold, or by the values
        if image.mode.startswith("I"):
            top = 65535.0 if largest > 255 else 255.0
        else:  # floats are parts of white, unless they are larger
            top = 1.0 if largest <= 1 else max(255.0, largest)
        values = np.nan_to_num(np.asarray(image).astype(np.float64) * (255.0 / top), posinf=255.0)
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" or "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
