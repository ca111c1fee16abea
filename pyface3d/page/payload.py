"""The binary part of the page: arrays, quantized where that cannot be seen, in one deflated block of text."""

import base64
import zlib
from typing import Any

import numpy as np

# Shapes are scaled to this radius; QUANTUM of it is 10 micrometers on a head of 10 cm.
RADIUS = 10.0
QUANTUM = 1e-3


class Payload:
    """Collects named arrays; ``table`` describes them and ``text`` is what the page carries."""

    def __init__(self) -> None:
        self.table: list[dict[str, Any]] = []
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, name: str, array: np.ndarray, scale: float = 1.0) -> str:
        """Store an int16, int32, uint8 or float32 array whose values are multiples of ``scale``."""
        size = array.dtype.itemsize
        planes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, size).T  # bytes of a kind together
        data = np.ascontiguousarray(planes).tobytes()
        entry = {"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "scale": scale}
        self.table.append({**entry, "start": self._length, "bytes": len(data)})
        self._parts.append(data)
        self._length += len(data)
        return name

    def add_quantized(self, name: str, array: np.ndarray) -> str:
        """Store lengths in page units as int16 multiples of ``QUANTUM``, or coarser where they are larger than that."""
        largest = float(np.abs(array).max(initial=0.0))
        scale = max(QUANTUM, largest / 32767)
        return self.add(name, np.round(array / scale).astype(np.int16), scale)

    def text(self) -> str:
        """All arrays, deflated, in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 6)).decode("ascii")
