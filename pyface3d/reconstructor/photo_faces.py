"""What came of one photo of many."""

from dataclasses import dataclass, field

from pyface3d.images import Source
from pyface3d.reconstructor.face import Face


@dataclass
class PhotoFaces:
    """What came of one photo of a stream.

    Args:
        source: the photo's source.
        faces: the faces, the largest find first; empty when none was found.
        dropped: how many finds the method saw no face in.
        error: the sentence why the photo could not be read, or None.
        problem: the sentence about answers of the network that were no face, or None.
    """

    source: Source
    faces: list[Face] = field(default_factory=list)
    dropped: int = 0
    error: str | None = None
    problem: str | None = None
