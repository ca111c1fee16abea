"""Entries of zips and tars, one at a time: a broken one is reported and the others are read."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from pyface3d.foreign.damage import one_line
from pyface3d.foreign.limits import MEBIBYTE, limits

_SMALL = 16 * MEBIBYTE  # of an entry, whatever its ratio
_LONGEST_NAME = 1 << 20  # bytes of the extra headers of a tar, which hold long names
_EXTRA = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def read_entry(archive: zipfile.ZipFile, entry: str) -> bytes:
    """The content of one entry of a zip.

    Raises:
        ValueError: it is damaged, encrypted, of an unknown packing, or larger than the limits.
    """
    try:
        info = archive.getinfo(entry)
        _check_size(info.file_size)
        if info.file_size > max(_SMALL, limits().entry_ratio * info.compress_size):
            raise ValueError(f"{info.compress_size:,} bytes would become {info.file_size:,}; the limit is entry_ratio")
        return archive.read(entry)
    except Exception as error:  # zlib's, zipfile's and Python's own errors, of many types
        raise ValueError(f"the entry cannot be read ({one_line(error)})") from None


def entry_names(archive: zipfile.ZipFile) -> list[str]:
    """The names of the files in a zip, each once, sorted; entries without a name are none."""
    names = {info.filename for info in archive.infolist()}
    return sorted(name for name in names if name and not name.endswith("/"))


def tar_entries(stream: IO[bytes]) -> Iterator[tuple[str, bytes | ValueError]]:
    """The files in a tar (plain, gzip, bzip2 or xz), in its order, each as its name and content, or what is wrong.

    Damaged headers are passed over; the last pair, with an empty name, says that there were some, or that the end is
    missing.
    """

    class Member(tarfile.TarInfo):
        """Counts headers that are damaged, and refuses names of a gigabyte."""

        damaged = 0

        @classmethod
        def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> Any:
            try:
                return super().frombuf(buf, encoding, errors)
            except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
                Member.damaged += 1
                raise

        def _proc_member(self, tar: Any) -> Any:
            if self.type in _EXTRA and self.size > _LONGEST_NAME:
                Member.damaged += 1
                raise tarfile.InvalidHeaderError("a name of megabytes")  # type: ignore[attr-defined]
            return super()._proc_member(tar)  # type: ignore[misc]

    try:
        # zeros and damage between members are passed over
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=Member, ignore_zeros=True) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, _member(archive, member)
                archive.members = []  # type: ignore[attr-defined]  # it keeps every header
    except Exception as error:  # tarfile's, zlib's, lzma's and Python's own errors, of many types
        yield "", ValueError(f"the archive ends early or is damaged ({one_line(error)})")
        return
    if Member.damaged:
        yield "", ValueError("headers are damaged; the entries that they described are lost")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | ValueError:
    try:
        _check_size(member.size)
        if member.issparse():
            raise ValueError("it is stored with holes")
    except ValueError as error:
        return ValueError(f"the entry cannot be read ({error})")
    content = archive.extractfile(member)
    return b"" if content is None else content.read()


def _check_size(size: int) -> None:
    if size > limits().photo_bytes:
        raise ValueError(f"it has {size:,} bytes, more than the limit photo_bytes of {limits().photo_bytes:,}")


def walk(folder: str | os.PathLike[str], problems: list[OSError] | None = None) -> Iterator[str]:
    """Paths of everything but folders below a folder, relative to it, in the order of their parts.

    Links to folders are followed, but never into a folder again. Folders that cannot be read are appended to
    ``problems``.
    """
    root = os.fspath(folder)
    found: list[tuple[str, ...]] = []
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(root, followlinks=True, onerror=None if problems is None else problems.append):
        try:
            status = os.stat(here)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        inside = os.path.relpath(here, root)
        parts = () if inside == os.curdir else tuple(inside.split(os.sep))
        found += [(*parts, file) for file in files]
    return iter("/".join(parts) for parts in sorted(found))


def open_zip(content: str | os.PathLike[str] | IO[bytes] | bytes) -> zipfile.ZipFile:
    """A zip; ValueError for a file that is none."""
    try:
        return zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
    except OSError:
        raise
    except Exception as error:  # struct's and zipfile's own errors
        raise ValueError(f"is no zip that can be read ({one_line(error)})") from None
