"""From what a user names - files, folders, archives, patterns, videos, cameras - to single photos."""

import glob
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pyface3d.images.photo import Photo, read_photo

PICTURES = frozenset(".jpg .jpeg .jpe .png .bmp .gif .tif .tiff .webp .ppm .pgm .pbm .jp2".split())
VIDEOS = frozenset(".mp4 .avi .mov .mkv .webm .m4v .mpg .mpeg .wmv".split())


@dataclass(frozen=True)
class Source:
    """One photo that has not been read yet.

    Args:
        name: for reports, for example "photos/holiday.zip/one.jpg" or "clip.mp4/000012".
        read: reads it; raises OSError or ValueError with one sentence.
        stem: for output files: the path below the folder or archive that was named, without suffix.
    """

    name: str
    read: Callable[[], Photo]
    stem: str = ""


def find_sources(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], results: str | os.PathLike[str] | None = None
) -> Iterator[Source]:
    """All photos that the inputs name, in a fixed order.

    Args:
        inputs: one or several: pictures, folders (searched to the bottom), zip archives, patterns with ``*``, videos,
            or cameras ("webcam", "webcam:1"; endless).
        results: folder of results, which is left out where a folder above it is searched.

    Yields:
        A source for each photo. An input that does not exist becomes a source whose ``read`` raises.

    Raises:
        ValueError: an input is empty, or a folder to search is that of the results.

    Example:
        >>> names = [source.name for source in find_sources(["photos", "more/*.png", "clip.mp4"])]
    """
    for entry in [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs:
        text = os.fspath(entry)
        if not text:
            raise ValueError("find_sources: the name of a photo or folder must not be empty")
        if text == "webcam" or (text.startswith("webcam:") and text[7:].isdigit()):
            yield from _frames(int(text[7:] or 0), text, "webcam")
            continue
        matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) and not os.path.lexists(text) else []
        for path in map(Path, matches or [text]):
            yield from _from_path(path, path.stem, results)


def _from_path(path: Path, stem: str, results: str | os.PathLike[str] | None = None) -> Iterator[Source]:
    if path.is_dir():
        left_out = _below(path, results)
        for child in sorted(path.rglob("*")):
            if child.suffix.lower() in PICTURES | VIDEOS and child.is_file() and left_out not in child.parents:
                yield from _from_path(child, child.relative_to(path).with_suffix("").as_posix())
    elif path.suffix.lower() == ".zip":
        yield from _from_zip(path)
    elif path.suffix.lower() in VIDEOS:
        yield from _frames(str(path), str(path), stem)
    else:
        yield Source(str(path), lambda: read_photo(path), stem)


def _below(folder: Path, results: str | os.PathLike[str] | None) -> Path | None:
    """The folder of results as the search of ``folder`` meets it, or None where it does not."""
    if results is None:
        return None
    whole, inner = folder.resolve(), Path(results).resolve()
    if inner == whole:
        raise ValueError(
            f"{folder}: the results cannot go to the folder that is searched for photos, where the next run would take "
            f"them for photos; name another one, such as {folder / 'faces'}"
        )
    return folder / inner.relative_to(whole) if inner.is_relative_to(whole) else None


def _from_zip(path: Path) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = sorted(entry.filename for entry in archive.infolist() if not entry.is_dir())
            for entry in entries:
                if Path(entry).suffix.lower() in PICTURES:
                    data = archive.read(entry)
                    yield _in_memory(data, f"{path}/{entry}", _safe_stem(entry))
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:  # the last: encrypted, or of an unknown packing
        yield _broken(str(path), f"{path}: the archive cannot be read ({error})")


def _in_memory(content: bytes | np.ndarray, name: str, stem: str) -> Source:
    return Source(name, lambda: read_photo(content, name), stem)


def _safe_stem(entry: str) -> str:
    """A stem from an archive's entry that stays inside the output folder."""
    parts = [part for part in PurePosixPath(entry.replace("\\", "/")).with_suffix("").parts if part not in ("/", "..")]
    return "/".join(part.replace(":", "_") for part in parts)


def _frames(device: str | int, name: str, stem: str) -> Iterator[Source]:
    import cv2

    if isinstance(device, str) and not os.path.isfile(device):
        yield _broken(name, f"{name}: no such file")
        return
    video = cv2.VideoCapture(device)
    count = 0
    try:
        while True:
            there, bgr = video.read()
            if not there:
                break
            pixels = np.ascontiguousarray(bgr[:, :, ::-1])
            frame = f"{count:06d}"
            yield _in_memory(pixels, f"{name}/{frame}", f"{stem}/{frame}")
            count += 1
    finally:
        video.release()
    if not count:
        kind = "video" if isinstance(device, str) else "camera"
        yield _broken(name, f"{name}: the {kind} gives no picture")


def _broken(name: str, sentence: str) -> Source:
    def read() -> Photo:
        raise ValueError(sentence)

    return Source(name, read)
