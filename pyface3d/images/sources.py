"""From what a user names - files, folders, archives, patterns, videos, cameras - to single photos."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pyface3d.foreign.archives import entry_names, open_zip, read_entry, tar_entries, walk
from pyface3d.foreign.damage import one_line
from pyface3d.foreign.names import file_stem, printable
from pyface3d.foreign.regular import open_regular, read_stream
from pyface3d.images.photo import Photo, read_photo

PICTURES = frozenset(".jpg .jpeg .jpe .png .bmp .gif .tif .tiff .webp .ppm .pgm .pbm .jp2".split())
VIDEOS = frozenset(".mp4 .avi .mov .mkv .webm .m4v .mpg .mpeg .wmv".split())
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class Source:
    """One photo that has not been read yet.

    Args:
        name: for reports, for example "photos/holiday.zip/one.jpg" or "clip.mp4/000012"; one line of text, whatever
            the file is called.
        read: reads it; raises OSError or ValueError with one sentence.
        stem: for output files: the path below the folder or archive that was named, without suffix.
        path: the file on disk that holds it; empty where there is none.
    """

    name: str
    read: Callable[[], Photo]
    stem: str = ""
    path: str = ""


def find_sources(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    results: str | os.PathLike[str] | None = None,
    passed_over: Counter[str] | None = None,
) -> Iterator[Source]:
    """All photos that the inputs name, in a fixed order.

    Args:
        inputs: one or several: pictures, folders (searched to the bottom), zip and tar archives, patterns with ``*``,
            videos, cameras ("webcam", "webcam:1"; endless), or "-" for a picture on standard input.
        results: folder of results, which is left out where a folder above it is searched.
        passed_over: counts, by suffix, the files of folders and archives that are no pictures, videos or archives.

    Yields:
        A source for each photo. An input that does not exist becomes a source whose ``read`` raises.

    Raises:
        ValueError: an input is empty, or a folder to search is that of the results.

    Example:
        >>> names = [source.name for source in find_sources(["photos", "more/*.png", "clip.mp4"])]
    """
    passed_over = Counter() if passed_over is None else passed_over
    for entry in [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs:
        text = os.fspath(entry)
        if not text:
            raise ValueError("find_sources: the name of a photo or folder must not be empty")
        if text == "webcam" or (text.startswith("webcam:") and text[7:].isdigit()):
            yield from _camera(int(text[7:] or 0), text)
            continue
        if text == "-":
            yield Source("-", lambda: read_photo(read_stream(sys.stdin.buffer, "-", "photo_bytes"), "-"), "photo")
            continue
        matches = sorted(glob.glob(text, recursive=True)) if glob.has_magic(text) and not os.path.lexists(text) else []
        for path in map(Path, matches or [text]):
            if path.is_dir():
                yield from _folder(path, results, passed_over)
            else:
                yield from _file(path, stem_of(path.name), passed_over)


def stem_of(name: str) -> str:
    """The stem of output files for a relative name: inside the folder of results, and never too long.

    Example:
        >>> stem_of("../one/two.jpg")
        'one/two'
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.with_suffix("").parts if part not in ("/", "..")] if path.name else []
    return "/".join(map(file_stem, parts)) or "photo"


def _file(path: Path, stem: str, passed_over: Counter[str]) -> Iterator[Source]:
    name, suffix = printable(str(path)), path.suffix.lower()
    if path.name.lower().endswith(ARCHIVES):
        yield from (_zip if suffix == ".zip" else _tar)(path, name, stem, passed_over)
    elif suffix in VIDEOS:
        yield from _video(path, name, stem)
    else:
        yield Source(name, lambda: read_photo(path, name), stem, str(path))


def _folder(folder: Path, results: str | os.PathLike[str] | None, passed_over: Counter[str]) -> Iterator[Source]:
    left_out = _below(folder, results)
    problems: list[OSError] = []
    for inside in walk(folder, problems):
        path = folder / inside
        if left_out in path.parents:
            continue
        if path.suffix.lower() in PICTURES | VIDEOS or path.name.lower().endswith(ARCHIVES):
            yield from _file(path, stem_of(inside), passed_over)
        else:
            passed_over[printable(path.suffix.lower())] += 1
    for problem in problems:
        name = printable(os.fsdecode(problem.filename or folder))
        yield _broken(name, f"{name}: {problem.strerror}")


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


def _is_picture(entry: str, passed_over: Counter[str]) -> bool:
    suffix = PurePosixPath(entry).suffix.lower()
    if suffix in PICTURES and not entry.startswith("__MACOSX/"):  # copies of macOS' attributes, of the same name
        return True
    passed_over[printable(suffix)] += 1
    return False


def _zip(path: Path, name: str, stem: str, passed_over: Counter[str]) -> Iterator[Source]:
    try:
        with open_regular(path):
            archive = open_zip(path)  # stays open until the last of its sources is gone
        entries = entry_names(archive)
    except (OSError, ValueError) as error:
        yield _broken(name, f"{name}: the archive cannot be read ({one_line(error)})", str(path))
        return
    for entry in entries:
        if _is_picture(entry, passed_over):
            whole = f"{name}/{printable(entry)}"

            def read(entry: str = entry, whole: str = whole) -> Photo:
                return read_photo(_content(lambda: read_entry(archive, entry), whole), whole)

            yield Source(whole, read, stem_of(entry), str(path))


def _tar(path: Path, name: str, stem: str, passed_over: Counter[str]) -> Iterator[Source]:
    seen: Counter[str] = Counter()
    try:
        stream = open_regular(path)
    except (OSError, ValueError) as error:
        yield _broken(name, f"{name}: the archive cannot be read ({one_line(error)})", str(path))
        return
    with stream:
        for entry, content in tar_entries(stream):
            if isinstance(content, ValueError):
                whole = f"{name}/{printable(entry)}" if entry else name
                yield _broken(whole, f"{whole}: {content}", str(path))
            elif _is_picture(entry, passed_over):
                seen[entry] += 1  # a tar may hold several files of one name
                whole = f"{name}/{printable(entry)}" + (f"#{seen[entry]}" if seen[entry] > 1 else "")
                yield _in_memory(content, whole, stem_of(entry), str(path))


def _content(read: Callable[[], bytes], name: str) -> bytes:
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _in_memory(content: bytes | np.ndarray, name: str, stem: str, path: str = "") -> Source:
    return Source(name, lambda: read_photo(content, name), stem, path)


def _video(path: Path, name: str, stem: str) -> Iterator[Source]:
    from pyface3d.images.video import read_frames

    count = 0
    try:
        for pixels in read_frames(str(path)):
            yield _in_memory(pixels, f"{name}/{count:06d}", f"{stem}/{count:06d}", str(path))
            count += 1
    except OSError as error:
        yield _broken(name, f"{name}: {error.strerror}", str(path))
    except ValueError as error:
        yield _broken(name, f"{name}: {error} (after {count} frames)", str(path))
    else:
        if not count:
            yield _broken(name, f"{name}: the video gives no picture", str(path))


def _camera(device: int, name: str) -> Iterator[Source]:
    import cv2

    video = cv2.VideoCapture(device)
    count = 0
    try:
        while (read := video.read())[0]:
            yield _in_memory(np.ascontiguousarray(read[1][..., ::-1]), f"{name}/{count:06d}", f"webcam/{count:06d}")
            count += 1
    finally:
        video.release()
    if not count:
        yield _broken(name, f"{name}: the camera gives no picture")


def _broken(name: str, sentence: str, path: str = "") -> Source:
    def read() -> Photo:
        raise ValueError(sentence)

    return Source(name, read, stem_of(name), path)
