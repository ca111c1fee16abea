"""Files that are written whole or not at all."""

import errno
import io
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

PREFIX = ".pyface3d-"  # of temporary files; short, so that a name as long as the system allows can be written
ABANDONED = 3600.0  # seconds since the last write of a temporary file that nobody will finish


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a temporary file beside ``path`` for writing, and renames it to ``path`` when the block ends well.

    When anything fails (a full disk, a read-only folder, an exception in the block) the temporary file is removed and
    what stood at ``path`` before still does. The stream has no file number: libraries that write past it, in C, would
    not tell of a full disk.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        A binary stream.

    Raises:
        OSError: the folder is missing or read-only, the disk is full, or ``path`` is a device, which a file would
            replace; its message names ``path``.

    Example:
        >>> with atomic_write(folder / "notes.txt") as stream:
        ...     _ = stream.write(b"whole")
    """
    path = _no_device(path)
    handle, temporary = _temporary(path)
    try:
        with _Counted(io.FileIO(handle, "r+")) as stream:
            yield stream
            stream.flush()
            if os.fstat(stream.raw.fileno()).st_size != stream.end:
                raise OSError(errno.EIO, "cannot write: the file is shorter than what was written")
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are the owner's alone
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise _named(error, path) from error
        raise


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[str]:
    """The name of a temporary file beside ``path``, of the same ending, for libraries that open files themselves.

    It is renamed to ``path`` when the block ends well and something was written, else removed. Such libraries may not
    tell of a full disk: use :func:`atomic_write` wherever a stream will do.

    Args:
        path: the file to write; its folder must exist.

    Example:
        >>> with atomic_path(folder / "notes.txt") as name:
        ...     _ = Path(name).write_text("whole")
    """
    path = _no_device(path)
    handle, temporary = _temporary(path, path.suffix)
    os.close(handle)
    try:
        yield temporary
        if os.path.getsize(temporary):
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Writes ``content`` to ``path``, as :func:`atomic_write` does.

    Raises:
        OSError: as of :func:`atomic_write`.

    Example:
        >>> write_whole(folder / "notes.txt", b"whole")
    """
    with atomic_write(path) as stream:
        stream.write(content)


class _Counted(io.BufferedRandom):
    """A file that knows how long it must be, and has no number."""

    end = 0

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")

    def write(self, content: Any) -> int:
        count = super().write(content)
        self.end = max(self.end, self.tell())
        return count

    def truncate(self, size: int | None = None) -> int:
        self.end = super().truncate(size)
        return self.end


def sweep(folder: str | os.PathLike[str]) -> None:
    """Removes temporary files that killed processes left in a folder; those of a running one are younger."""
    for entry in os.scandir(os.fspath(folder)):
        if entry.name.startswith(PREFIX):
            with suppress(OSError):  # another process was faster
                if time.time() - entry.stat().st_mtime > ABANDONED:
                    os.unlink(entry.path)


def _temporary(path: Path, suffix: str = "") -> tuple[int, str]:
    """Number and name of a new file beside ``path``."""
    try:
        return tempfile.mkstemp(suffix, PREFIX, path.parent)
    except OSError as error:
        raise _named(error, path) from error


def _no_device(path: str | os.PathLike) -> Path:
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "cannot write: it is a device, pipe or socket", str(path))
    return path


def _named(error: OSError, path: Path) -> OSError:
    return type(error)(error.errno, f"cannot write: {error.strerror}", str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
