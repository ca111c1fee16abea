"""Pictures of a set as tensors, by the names that its lists give them."""

import os
from pathlib import Path

import torch
from torch import Tensor

from pyface3d.camera import crop
from pyface3d.data.archive import PICTURES, Archive, UnreadableError
from pyface3d.images.decoding import decode


def decode_image(content: bytes) -> Tensor:
    """Decodes a picture of any common kind: gray, palette, alpha (over white), CMYK and 16 bits become RGB.

    The orientation that cameras note in EXIF is applied. Nothing is reduced, as labels count the file's own pixels;
    photos of unknown size are for :func:`pyface3d.images.read_photo`.

    Args:
        content: the bytes of a JPEG, PNG, BMP, WebP or TIFF file.

    Returns:
        (3, H, W) uint8, RGB.

    Raises:
        UnreadableError: not an image, damaged, cut short, or suspiciously large.
    """
    try:
        pixels, _ = decode(content, "picture", most=None)
    except ValueError as error:
        raise UnreadableError(f"unreadable image ({error})") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def cut(image: Tensor, roi: Tensor, size: int) -> Tensor:
    """The face (3, size, size) in the box ``roi`` (4,) of an image (3, H, W).

    Raises:
        UnreadableError: the box spans no pixels.
    """
    try:
        face = crop(image, roi, size)
    except ValueError as error:
        raise UnreadableError(f"label out of range ({error})") from error
    assert isinstance(face, Tensor)
    return face


class Pictures:
    """The pictures of a folder or zip by file name, with or without suffix, whatever subfolder they lie in.

    Args:
        path: a folder, a zip, or the archive that was made of one.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: a file that is not a zip.
    """

    def __init__(self, path: str | os.PathLike | Archive):
        self.archive = path if isinstance(path, Archive) else Archive(path)
        files = self.archive.pictures()
        self._by_stem = {Path(file).stem: file for file in files}
        self._by_name = {Path(file).name: file for file in files}

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def read(self, name: str) -> Tensor:
        """One picture (3, H, W) uint8 RGB; UnreadableError where it is missing or damaged."""
        file = self._find(name)
        if file is None:
            raise UnreadableError("missing file")
        return decode_image(self.archive.read(file))

    def _find(self, name: str) -> str | None:
        if name in self.archive:
            return name
        last = Path(name)
        named = last.suffix.lower() in PICTURES  # else the dot belongs to the name: img.1 must not be found as img
        return self._by_name.get(last.name) or self._by_stem.get(last.stem if named else last.name)
