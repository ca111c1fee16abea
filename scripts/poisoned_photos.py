"""Makes a folder, a zip and a tar of the same photos, some of them poisoned in twenty ways.

    python scripts/poisoned_photos.py OUT --photos 10000 --poisoned 500

The good photos are small pictures of noise; a few have names that are hard to write: not UTF-8, with a line end, with
markup, with a leading dash, or as long as the disk allows.
"""

import argparse
import io
import os
import pathlib
import struct
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image

ODD_NAMES = [
    b"-rf.jpg", b"--help.jpg", "\u9854 \u5199\u771f.jpg".encode(), b"caf\xe9.jpg", b"two\nlines.jpg",
    b"[red]no[blue].jpg", b"<script>alert(1)<script>.jpg", b"quote\"'`$(touch x).jpg", b" space .jpg",
    b"n" * 240 + b".jpg", b"per%cent%02d.jpg", b"semi;colon&.jpg", "right\u202eleft.jpg".encode(), b"tab\there.jpg",
]  # fmt: skip


def encode(pixels: np.ndarray, kind: str) -> bytes:
    """A picture file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def poisons(random: np.random.Generator) -> list[bytes]:
    """Twenty files that are no photos, each in another way."""
    pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
    jpeg, png, gif, tiff, webp, jp2 = (encode(pixels, kind) for kind in "JPEG PNG GIF TIFF WEBP JPEG2000".split())
    broken = bytearray(png)
    broken[60] ^= 0xFF
    lzw = bytearray(gif)
    lzw[len(gif) - 900 : len(gif) - 800] = b"\xff" * 100
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.jpg", jpeg)
    return [
        b"", b"dear all, this is a letter", jpeg[: len(jpeg) // 2], png[:90], _png(60_000, 60_000, b""),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n", b"<html><body>404</body></html>",
        random.bytes(3000), b"\xff\xd8\xff\xe0" + bytes(200), gif[:100], struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 100_000, 100_000, 1, 24, 0, 0, 0, 0, 0, 0), tiff[:120], webp[:200],
        bytes(broken), _png(0, 0, zlib.compress(b"")), b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", stream.getvalue(), jp2[:150],
        b"P6 99999 99999 255\n" + bytes(100),
    ]  # fmt: skip


def make(out: pathlib.Path, photos: int, poisoned: int, seed: int = 0, side: int = 64) -> tuple[list, list]:
    """Writes ``folder``, ``photos.zip`` and ``photos.tar`` below ``out``; names (bytes) of good and of bad files."""
    random = np.random.default_rng(seed)
    folder = out / "folder"
    folder.mkdir(parents=True)
    kinds = poisons(random)
    bad = set(random.choice(photos, poisoned, replace=False).tolist())
    good_names, bad_names = [], []
    with zipfile.ZipFile(out / "photos.zip", "w") as archive, tarfile.open(out / "photos.tar", "w") as tar:
        for number in range(photos):
            if number in bad:
                content, name = kinds[len(bad_names) % len(kinds)], f"{number:06d}.jpg".encode()
                bad_names.append(name)
            else:
                coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
                picture = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
                odd = len(good_names) < len(ODD_NAMES)
                name = ODD_NAMES[len(good_names)] if odd else f"{number:06d}.jpg".encode()
                content = encode(picture, "JPEG")
                good_names.append(name)
            (folder / os.fsdecode(name)).write_bytes(content)
            # a zip keeps its names as text; bytes that are no UTF-8 are told from each other by their escapes
            archive.writestr(zipfile.ZipInfo(name.decode("utf-8", "backslashreplace")), content)
            member = tarfile.TarInfo(os.fsdecode(name))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return good_names, bad_names


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--poisoned", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    good, bad_ones = make(options.out, options.photos, options.poisoned, options.seed)
    print(f"{len(good)} good and {len(bad_ones)} poisoned photos in {options.out}")
