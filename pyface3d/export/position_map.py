"""UV position maps as files: NumPy, OpenEXR, 16-bit PNG."""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from pyface3d.atomic import atomic_write, write_whole
from pyface3d.export.exr import save_exr
from pyface3d.foreign.arrays import read_npy
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_bytes
from pyface3d.render.forms import Array

_KEYWORD = b"position_range"  # of the PNG text chunk that holds the values of 0 and 65535
_SIGNATURE, _IHDR = 8, 25  # bytes


def save_position_map(path: str | os.PathLike, position_map: Array) -> None:
    """Writes a position map, by the file's name; whole or not at all.

    * ``.npy``: float32 (U, V, 3), as PRNet's data preparation writes them.
    * ``.exr``: float32 channels R, G, B = x, y, z, lossless.
    * ``.png``: 16 bits a channel, R, G, B = x, y, z, scaled from the map's least to its largest value; the text chunk
      ``position_range`` holds both, and ``load_position_map`` undoes it (to 1/65535 of the range).

    Args:
        path: file to write.
        position_map: torch (3, U, V) or NumPy (U, V, 3).

    Raises:
        ValueError: another ending or shape; values that are not finite in a PNG.
        OSError: the file cannot be written.

    Example:
        >>> save_position_map("face.exr", atlas.render(vertices)[0])
    """
    path, values = Path(path), _channels_last(position_map)
    ending = path.suffix.lower()
    if ending == ".npy":
        with atomic_write(path) as stream:
            np.save(stream, values, allow_pickle=False)
    elif ending == ".exr":
        save_exr(path, values)
    elif ending == ".png":
        _save_png(path, values)
    else:
        raise ValueError(f"save_position_map: path must end in .npy, .exr, .png, got {path}")


def load_position_map(path: str | os.PathLike) -> np.ndarray:
    """Reads the ``.npy`` and ``.png`` files of ``save_position_map``.

    Returns:
        (U, V, 3) float32.

    Raises:
        ValueError: another file.

    Example:
        >>> load_position_map("face.png").shape
        (256, 256, 3)
    """
    path = Path(path)
    if path.suffix.lower() == ".npy":
        with reading(path, "load_position_map"):
            return _channels_last(read_npy(path, "load_position_map"))
    with reading(path, "load_position_map"):
        return _parse_png(path, read_bytes(path, "photo_bytes"))


def _parse_png(path: Path, content: bytes) -> np.ndarray:
    width, height, depth, kind = struct.unpack(">IIBB", content[16:26].ljust(10, b"\0"))
    if width * height > 4096**2 or (depth, kind) != (16, 2) or content[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"load_position_map: {path} is not a position map of save_position_map (.npy or .png)")
    texts = [data for kind, data in _chunks(content) if kind == b"tEXt" and data.startswith(_KEYWORD + b"\0")]
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if texts else None
    if picture is None or picture.dtype != np.uint16:
        raise ValueError(f"load_position_map: {path} is not a position map of save_position_map (.npy or .png)")
    low, high = map(float, texts[0][len(_KEYWORD) + 1 :].split())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("its range is not finite")
    values = np.empty(picture.shape, np.float32)
    for row, levels in enumerate(picture):  # in doubles, but not the whole map at once
        values[row] = levels[:, ::-1] * ((high - low) / 65535) + low
    return values


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each part of a PNG file. OpenCV makes room for as many bytes as a part says that it has."""
    at = _SIGNATURE
    while at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if length > len(content) - at - 12:
            raise ValueError(f"a part of {length} bytes goes beyond its end")
        yield kind, content[at + 8 : at + 8 + length]
        at += 12 + length


def _channels_last(position_map: Array) -> np.ndarray:
    given = tuple(position_map.shape)
    if isinstance(position_map, torch.Tensor):
        position_map = position_map.detach().movedim(0, -1).cpu().numpy() if position_map.ndim == 3 else np.empty(0)
    if position_map.ndim != 3 or position_map.shape[2] != 3 or not position_map.size:
        raise ValueError(f"save_position_map: position_map must be torch (3, U, V) or NumPy (U, V, 3), got {given}")
    return np.ascontiguousarray(position_map, np.float32)


def _save_png(path: Path, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("save_position_map: position_map must be finite for .png; write .npy or .exr")
    low, high = float(values.min()), float(values.max())
    levels = ((values - low) * (65535 / max(high - low, 1e-12))).round().astype(np.uint16)
    content = cv2.imencode(".png", levels[..., ::-1])[1].tobytes()
    text = b"tEXt" + _KEYWORD + b"\0" + f"{low!r} {high!r}".encode()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    write_whole(path, content[: _SIGNATURE + _IHDR] + chunk + content[_SIGNATURE + _IHDR :])
