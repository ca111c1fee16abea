"""A minimal OpenEXR 2.0 writer: one RGB scan-line image of 32-bit floats, ZIP compressed."""

import struct
import zlib
from pathlib import Path

import numpy as np

from pyface3d.atomic import atomic_write

_MAGIC, _VERSION, _FLOAT, _ZIP, _ROWS_PER_BLOCK = 20000630, 2, 2, 3, 16


def save_exr(path: Path, values: np.ndarray) -> None:
    """Writes (H, W, 3) values as the channels R, G, B."""
    header = _header(*values.shape[:2])
    blocks = [_block(values[y : y + _ROWS_PER_BLOCK], y) for y in range(0, len(values), _ROWS_PER_BLOCK)]
    first = len(header) + 8 * len(blocks)
    offsets = first + np.cumsum([0, *map(len, blocks[:-1])])
    with atomic_write(path) as stream:
        stream.write(header + offsets.astype("<u8").tobytes())
        stream.writelines(blocks)


def _header(height: int, width: int) -> bytes:
    channels = b"".join(name + b"\0" + struct.pack("<iiii", _FLOAT, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    attributes = [
        (b"channels", b"chlist", channels),
        (b"compression", b"compression", bytes([_ZIP])),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<ff", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ]
    entries = (name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes)
    return struct.pack("<ii", _MAGIC, _VERSION) + b"".join(entries) + b"\0"


def _block(rows: np.ndarray, first_row: int) -> bytes:
    """Up to 16 rows: per row the channels in alphabetical order, bytes split into planes, differences, deflate."""
    planar = np.ascontiguousarray(rows[..., ::-1].transpose(0, 2, 1), "<f4").view(np.uint8).ravel()
    split = np.concatenate([planar[0::2], planar[1::2]])
    differences = split.copy()
    differences[1:] = split[1:] - split[:-1] + np.uint8(128)
    packed = zlib.compress(differences.tobytes())
    content = packed if len(packed) < planar.size else planar.tobytes()  # readers tell by the size
    return struct.pack("<ii", first_row, len(content)) + content
