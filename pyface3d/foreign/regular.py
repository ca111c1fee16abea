"""Bytes of a file: regular files only, up to a limit."""

import io
import os
import stat
from typing import BinaryIO

from pyface3d.foreign.limits import limits


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a file for reading; pipes, sockets and devices, which may never end, are refused.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is a folder or no regular file.
    """
    # a pipe without a writer would block the open for ever
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file (a pipe, socket or device)"
        raise ValueError(f"{os.fspath(path)}: is {kind}")
    return open(handle, "rb")


def read_bytes(path: str | os.PathLike[str], limit: str) -> bytes:
    """The content of a regular file.

    Args:
        path: the file.
        limit: name of the limit (:class:`pyface3d.foreign.Limits`) on its size.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no regular file, or larger than the limit.
    """
    with open_regular(path) as stream:
        return read_stream(stream, os.fspath(path), limit)


def read_stream(stream: BinaryIO, name: str, limit: str) -> bytes:
    """What is left of a stream, up to a limit; as ``read_bytes``."""
    most, size = getattr(limits(), limit), _size(stream)
    pieces, length = [], 0
    if size <= most:
        # never more at once than there seems to be: a reader makes room for all that it is asked for
        while length <= most and (piece := stream.read(max(size + 1 - length, 1 << 16))):
            pieces.append(piece)
            length += len(piece)
    if max(size, length) > most:
        raise ValueError(f"{name}: has more than {most:,} bytes; to read it all the same, raise the limit {limit}")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """A text file of bounded size; errors as ``read_bytes``, and a ValueError where it is not in the encoding."""
    content = read_bytes(path, "text_bytes")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: is no text in {encoding} ({error.reason})") from None


def _size(stream: BinaryIO) -> int:
    try:
        return os.fstat(stream.fileno()).st_size
    except (OSError, AttributeError, io.UnsupportedOperation):
        return 0
