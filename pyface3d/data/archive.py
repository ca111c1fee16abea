"""Folders and zips read alike, from any number of worker processes."""

import os
import zipfile
from pathlib import Path
from typing import Any

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


class Archive:
    """The files below a folder or inside a zip, by their relative names with forward slashes.

    The list of names is made once and travels with the object; a zip is opened anew in every process that reads it.

    Args:
        path: a folder or a zip file.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: a file that is not a zip.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._zip: zipfile.ZipFile | None = None
        self._process = -1
        if self.path.is_dir():
            self.names = sorted(_walk(str(self.path)))
        elif not self.path.exists():
            raise FileNotFoundError(f"Archive: there is no {self.path}")
        elif zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive:
                self.names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        else:
            raise ValueError(f"Archive: {self.path} is neither a folder nor a zip")
        self._known = set(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def read(self, name: str) -> bytes:
        """The content of one file; KeyError for a name that is not there."""
        if name not in self._known:
            raise KeyError(f"{name} is not in {self.path}")
        if self.path.is_dir():
            return (self.path / name).read_bytes()
        if self._process != os.getpid():  # a forked worker must not share its parent's file position
            self._zip, self._process = zipfile.ZipFile(self.path), os.getpid()
        assert self._zip is not None
        return self._zip.read(name)

    def pictures(self) -> list[str]:
        """Names that end like an image file, without macOS' resource files."""
        return [name for name in self.names if name.lower().endswith(PICTURES) and not name.startswith("__MACOSX/")]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_zip": None, "_process": -1}


def stem(name: str) -> str:
    """A name without its extension: ``HELEN/a.b.jpg`` -> ``HELEN/a.b``."""
    return name.rpartition(".")[0] or name


def _walk(root: str) -> list[str]:
    names = []
    for folder, _, files in os.walk(root, followlinks=True):
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        names += files if inside == "." else [f"{inside}/{file}" for file in files]
    return names
