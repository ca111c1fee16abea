"""Changes of a file's bytes: anywhere, in its head, in its numbers, and inside zips and deflated blocks."""

import io
import re
import zipfile
import zlib

import numpy as np

_INTEGERS = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    127,
    128,
    255,
    256,
    32767,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
]
_TEXTS = [
    b"0", b"-1", b"1e999", b"nan", b"99999999999999999999", b"[", b"]" , b"{", b"}", b"null", b'"', b"\n", b"\0", b"%",
    b"../../etc/passwd", b"\xff\xfe", b"(", b")", b"," * 50, b"[" * 2000, b"<script>", b"1" * 5000,
]  # fmt: skip


def mutate(content: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    """A changed copy; one of several kinds of change, one to five times."""
    if content[:2] == b"PK" and random.random() < 0.6:
        changed = _inside_zip(content, others, random)
        if changed is not None:
            return changed
    if random.random() < 0.15:
        changed = _inside_deflate(content, others, random)
        if changed is not None:
            return changed
    return _changed(content, others, random)


def _changed(content: bytes, others: list[bytes], random: np.random.Generator) -> bytes:
    for _ in range(int(random.integers(1, 6))):
        kind = _KINDS[int(random.integers(len(_KINDS)))]
        content = bytes(kind(bytearray(content), random, others))
    return content


def _place(content: bytearray, random: np.random.Generator) -> int:
    """Anywhere, or where heads are, or near the end."""
    reach = len(content)
    choice = random.random()
    if choice < 0.5:
        reach = min(reach, 512)
    place = int(random.integers(reach)) if reach else 0
    return len(content) - 1 - place if choice > 0.9 and content else place


def _flip(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    if content:
        content[_place(content, random)] ^= 1 << int(random.integers(8))
    return content


def _byte(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    if content:
        content[_place(content, random)] = int(random.integers(256))
    return content


def _integer(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    size = int(random.choice([1, 2, 4, 8]))
    value = _INTEGERS[int(random.integers(len(_INTEGERS)))] & ((1 << 8 * size) - 1)
    place = _place(content, random)
    if random.random() < 0.7:
        place -= place % size
    content[place : place + size] = value.to_bytes(size, "little" if random.random() < 0.8 else "big")
    return content


def _cut(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    return content[: int(random.integers(len(content) + 1))]


def _remove(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    place = _place(content, random)
    del content[place : place + int(random.integers(1, 65))]
    return content


def _repeat(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    place, length = _place(content, random), int(random.integers(1, 257))
    piece = bytes(content[place : place + length])
    content[place:place] = piece * int(random.integers(1, 20))
    return content


def _insert(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    place = _place(content, random)
    content[place:place] = random.bytes(int(random.integers(1, 33)))
    return content


def _number(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    """Another text in the place of a run of digits."""
    runs = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", bytes(content[: 1 << 16]))]
    if runs:
        start, end = runs[int(random.integers(len(runs)))]
        content[start:end] = _TEXTS[int(random.integers(len(_TEXTS)))]
    return content


def _text(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    place = _place(content, random)
    piece = _TEXTS[int(random.integers(len(_TEXTS)))]
    content[place : place + (len(piece) if random.random() < 0.5 else 0)] = piece
    return content


def _splice(content: bytearray, random: np.random.Generator, others: list[bytes]) -> bytearray:
    """The beginning of this file and the end of another."""
    other = others[int(random.integers(len(others)))]
    return content[: _place(content, random)] + bytearray(other[_place(bytearray(other), random) :])


_KINDS = (_flip, _byte, _byte, _integer, _integer, _integer, _cut, _remove, _repeat, _insert, _number, _text, _splice)


def _inside_zip(content: bytes, others: list[bytes], random: np.random.Generator) -> bytes | None:
    """The zip again with one changed entry, so that its checksum holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: archive.read(entry) for entry in archive.infolist() if entry.file_size < 1 << 22}
    except Exception:  # a zip that was broken before
        return None
    if not entries:
        return None
    chosen = list(entries)[int(random.integers(len(entries)))]
    entries[chosen] = _changed(entries[chosen], [*entries.values()], random)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if random.random() < 0.5 else zipfile.ZIP_STORED) as archive:
        for name, piece in entries.items():
            archive.writestr(zipfile.ZipInfo(name), piece)
    return stream.getvalue()


def _inside_deflate(content: bytes, others: list[bytes], random: np.random.Generator) -> bytes | None:
    """A deflated block (of MATLAB's files) with a change inside; its length in the four bytes before is set."""
    starts = [match.start() for match in re.finditer(rb"\x78[\x01\x9c\xda]", content)]
    if not starts:
        return None
    start = starts[int(random.integers(len(starts)))]
    inflater = zlib.decompressobj()
    try:
        inner = inflater.decompress(content[start:], 1 << 22)
    except zlib.error:
        return None
    packed = zlib.compress(_changed(inner, [inner], random))
    return content[: max(0, start - 4)] + len(packed).to_bytes(4, "little") + packed + inflater.unused_data
