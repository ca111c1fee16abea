"""Pictures of a set by the names that its lists give them."""

import os
from pathlib import Path

from torch import Tensor

from pyface3d.data.archive import PICTURES, Archive
from pyface3d.data.images import UnreadableError, decode_image


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
