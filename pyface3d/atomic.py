"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Opens a temporary file beside ``path`` for writing, and renames it to ``path`` when the block ends well.

    When anything fails (a full disk, a read-only folder, an exception in the block) the temporary file is removed and
    what stood at ``path`` before still does.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        A binary stream.

    Raises:
        OSError: the folder is missing or read-only, or the disk is full; its message names ``path``.

    Example:
        >>> with atomic_write(folder / "notes.txt") as stream:
        ...     _ = stream.write(b"whole")
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _named(error, path) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are the owner's alone
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise _named(error, path) from error
        raise


def _named(error: OSError, path: Path) -> OSError:
    return type(error)(error.errno, f"cannot write: {error.strerror}", str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
