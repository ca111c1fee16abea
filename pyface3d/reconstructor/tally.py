"""What a run over many photos did, in numbers and sentences."""

import errno
import time
from pathlib import Path
from typing import Any

from pyface3d.images import Source
from pyface3d.reconstructor.folder import OutputFolder
from pyface3d.reconstructor.photo_faces import PhotoFaces

# a name that the disk does not take is one photo's; a full disk is everybody's
_OF_ONE_PHOTO = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


class Tally:
    """Writes results into a folder and counts them.

    Args:
        folder: where the results go.

    Example:
        >>> tally = Tally(OutputFolder("faces", ["glb"]))  # doctest: +SKIP
        >>> for result in reconstructor.iter(["photos"]):  # doctest: +SKIP
        ...     tally.add(result)
        >>> tally.finish()["faces"]  # doctest: +SKIP
        12
    """

    def __init__(self, folder: OutputFolder) -> None:
        self.folder, self.start = folder, time.perf_counter()
        self.photos = self.faces = self.skipped = self.dropped = 0
        self.problems: list[str] = []

    def skip(self, source: Source) -> bool:
        """Whether the folder holds all of a photo already, which then counts as skipped."""
        if not self.folder.is_complete(source):
            return False
        self.skipped += 1
        if not self.folder.found(source):
            self.problems.append(f"{source.name}: no face found")
        return True

    def add(self, result: PhotoFaces) -> None:
        """Writes and counts the faces of a photo, or notes why there are none."""
        if result.error is not None:
            self.problems.append(result.error)
            return
        if result.problem is not None:
            self.problems.append(result.problem)
        try:
            self.folder.write(result)
        except OSError as error:
            if error.errno not in _OF_ONE_PHOTO:
                raise
            self.problems.append(f"{result.source.name}: {error.strerror}")
            return
        self.photos += 1
        self.faces += len(result.faces)
        self.dropped += result.dropped
        if not result.faces and result.problem is None:
            why = f" (the method sees no face in {result.dropped} found)" if result.dropped else ""
            self.problems.append(f"{result.source.name}: no face found{why}")

    def finish(self) -> dict[str, Any]:
        """Writes tables and page; returns files, counts, problems and seconds."""
        files: list[Path] = self.folder.finish()
        return {
            "folder": str(self.folder.folder), "files": [str(file) for file in files], "photos": self.photos,
            "faces": self.faces, "skipped": self.skipped, "dropped": self.dropped,
            "problems": self.problems,
            "seconds": round(time.perf_counter() - self.start, 3),
        }  # fmt: skip
