"""What a file may cost before it is refused. Files of real use never meet these limits; each can be raised."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

VARIABLE = "PYFACE3D_LIMITS"  # NAME=VALUE, separated by commas; child processes inherit it
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Sizes beyond which input is refused by name.

    Attributes:
        photo_bytes: of a picture's file, of an entry of a zip or tar, of a photo on standard input.
        photo_pixels: of a picture.
        photo_memory: bytes that decoding takes for pictures that cannot be reduced while they are decoded.
        entry_ratio: of an entry's size to its packed size, for entries above 16 MiB.
        model_bytes: of a file of a face model, weights or a data table.
        model_ratio: of what such a file unpacks to, to its size, beyond 64 MiB.
        text_bytes: of a JSON, CSV, YAML or landmark file.
        frame_seconds: until the next frame of a video.
        reader_seconds: for a parser that runs in a process of its own (HDF5).
    """

    photo_bytes: int = 512 * MEBIBYTE
    photo_pixels: int = 178_000_000
    photo_memory: int = 640 * MEBIBYTE
    entry_ratio: int = 100
    model_bytes: int = 8192 * MEBIBYTE
    model_ratio: int = 20
    text_bytes: int = 256 * MEBIBYTE
    frame_seconds: int = 30
    reader_seconds: int = 120

    def unpacked(self, size: int) -> int:
        """Bytes that a model file of ``size`` bytes may become."""
        return max(64 * MEBIBYTE, self.model_ratio * size)

    def with_changes(self, text: str) -> "Limits":
        """These limits with those of ``text`` ("photo_pixels=4e8,entry_ratio=1000").

        Raises:
            ValueError: an unknown name, or a value that is no positive number.
        """
        known = [field.name for field in dataclasses.fields(self)]
        changes = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            try:
                changes[name.strip()] = int(float(value))
            except (ValueError, OverflowError):
                raise ValueError(f"limits: {part!r} must be NAME=NUMBER") from None
            if name.strip() not in known or changes[name.strip()] < 1:
                raise ValueError(f"limits: {part!r} must be a positive number for one of {', '.join(known)}")
        return dataclasses.replace(self, **changes)


_current: Limits | None = None


def limits() -> Limits:
    """The limits in force: the defaults, changed by the environment variable ``PYFACE3D_LIMITS``.

    Example:
        >>> limits().photo_pixels
        178000000
    """
    global _current
    if _current is None:
        _current = Limits().with_changes(os.environ.get(VARIABLE, ""))
    return _current


def set_limits(text: str) -> None:
    """Changes limits for the rest of this process and the ones it starts; ``text`` as for ``Limits.with_changes``."""
    global _current
    _current = limits().with_changes(text)
    os.environ[VARIABLE] = ",".join(filter(None, (os.environ.get(VARIABLE), text)))


@contextmanager
def raised_limits(**changes: int) -> Iterator[Limits]:
    """Other limits inside the block, in all threads of this process.

    Args:
        changes: attributes of :class:`Limits`.

    Example:
        >>> with raised_limits(photo_pixels=400_000_000) as raised:
        ...     raised.photo_pixels
        400000000
    """
    global _current
    before = limits()
    _current = dataclasses.replace(before, **changes)
    try:
        yield _current
    finally:
        _current = before
