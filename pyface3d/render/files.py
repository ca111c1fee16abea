"""Pictures and animations written to files, whole or not at all."""

import io
import os
from pathlib import Path

from PIL import Image

from pyface3d.atomic import write_whole
from pyface3d.render.forms import Array, as_pictures, to_uint8

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def save_picture(path: str | os.PathLike, picture: Array) -> None:
    """Writes one picture as PNG, JPEG or WebP, by the file's name.

    Args:
        path: file to write; an existing one is replaced only by a whole new one.
        picture: NumPy (H, W, 3) or torch (3, H, W); also gray or 16-bit.

    Raises:
        ValueError: another ending, or a batch.
        OSError: the file cannot be written.

    Example:
        >>> save_picture("face.png", picture)
    """
    ending = Path(path).suffix.lower()
    if ending not in _FORMATS:
        raise ValueError(f"save_picture: path must end in {', '.join(_FORMATS)}, got {path}")
    frames = _frames("save_picture", picture)
    if len(frames) != 1:
        raise ValueError(f"save_picture: picture must be one picture, got {len(frames)}; join them with side_by_side")
    content = io.BytesIO()  # encoders write past Python's files, and do not tell of a full disk
    frames[0].save(content, _FORMATS[ending], quality=95)
    write_whole(path, content.getbuffer())


def save_animation(path: str | os.PathLike, frames: Array, *, seconds: float = 0.12, swing: bool = True) -> None:
    """Writes pictures as an endless GIF.

    Args:
        path: file to write, ending in ``.gif``.
        frames: (V, H, W, 3) NumPy or (V, 3, H, W) torch, of ``turntable``.
        seconds: how long each picture stands.
        swing: go back through the pictures instead of jumping to the first; for turns of less than a full circle.

    Raises:
        ValueError: another ending, or no frames.
        OSError: the file cannot be written.

    Example:
        >>> save_animation("face.gif", turntable(vertices, triangles))
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"save_animation: path must end in .gif, got {path}")
    pictures = _frames("save_animation", frames)
    if not pictures:
        raise ValueError("save_animation: frames must hold at least one picture")
    if swing:
        pictures += pictures[-2:0:-1]
    first, *others = (picture.quantize(method=Image.Quantize.MEDIANCUT) for picture in pictures)
    content = io.BytesIO()
    first.save(content, "GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0)
    write_whole(path, content.getbuffer())


def _frames(op: str, pictures: Array) -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in to_uint8(as_pictures(op, pictures)).cpu().numpy()]
