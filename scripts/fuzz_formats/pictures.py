"""Photos, archives of photos, and videos."""

import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_formats.content import PIXELS


def encoded(kind: str, **options: Any) -> bytes:
    """A small picture file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


def picture(kind: str) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(encoded(kind))


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jpg", "b/c.png"):
            archive.writestr(name, encoded("JPEG" if name[-1] == "g" and name[-3] == "j" else "PNG"))
        archive.writestr("notes.txt", "no picture")


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name in ("a.jpg", "b/c.jpg", "long" * 40 + ".jpg"):
            content = encoded("JPEG")
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def read_sources(path: Path) -> Any:
    """Every source of an archive or video; what its ``read`` raises must be a sentence with the file's name."""
    from pyface3d.images import find_sources

    for source in find_sources(path, passed_over=Counter()):
        try:
            source.read()
        except (OSError, ValueError) as error:
            if path.name not in str(error):
                raise
    return None


def video(kind: str) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        import cv2

        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 10, (32, 24))
        for i in range(3):
            video.write(np.full((24, 32, 3), 60 * i, np.uint8))
        video.release()

    return write
