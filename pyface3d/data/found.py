"""What a folder or zip holds: each reader says what it recognizes, and how that is opened."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyface3d.data.archive import Archive
from pyface3d.data.celeba import CelebA
from pyface3d.data.cropped_faces import CroppedFaces
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.label_folder import LabeledFaces
from pyface3d.data.landmark_files import LandmarkFaces
from pyface3d.data.mat import MatFaces
from pyface3d.data.parts import FoundSet
from pyface3d.data.point_tables import PointTable

READERS: tuple[type[FaceDataset], ...] = (MatFaces, LandmarkFaces, CroppedFaces, CelebA, LabeledFaces, PointTable)
SIZE = 120


def find_sets(path: str | os.PathLike) -> list[FoundSet]:
    """Every set in a folder or zip; of a folder that holds none itself, those of its folders.

    Args:
        path: a folder, a zip, or one file of a set (``aflw/train.npz``, ``labels.npz``, a COCO ``.json``): then
            that set alone.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: a file that is no part of a set.

    Example:
        >>> [found.kind for found in find_sets("aflw")]  # doctest: +SKIP
        ['crops with points, test', 'crops with points, train']
    """
    path = Path(path)
    if path.is_file() and not _is_archive(path):
        sets = [found for found in _of(Archive(path.parent)) if path.name in found.files]
        if not sets:
            raise ValueError(f"{path} is neither a folder, a zip nor a file of a set; `pyface3d data check` its folder")
        return [replace(s, test=False) for s in sets]  # named, hence asked for
    archive = Archive(path)
    sets = list(_of(archive))
    if not sets and path.is_dir():
        for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
            sets += [replace(s, kind=f"{folder.name}: {s.kind}") for s in _of(Archive(folder))]
    return sets


def _of(archive: Archive) -> Iterator[FoundSet]:
    for reader in READERS:
        yield from reader.find(archive)


def _is_archive(path: Path) -> bool:
    import zipfile

    return zipfile.is_zipfile(path) and path.suffix != ".npz"


def open_sets(path: str | os.PathLike, size: int = SIZE, *, tests: bool = False) -> dict[str, FaceDataset]:
    """The sets that a folder or zip holds, by what they are, in crops of ``size`` pixels.

    Args:
        path: see :func:`find_sets`.
        size: side of the crops.
        tests: whether to open parts that are for testing, too.

    Raises:
        ValueError: there are parts for testing alone, and they were not asked for; the errors of :func:`find_sets`.

    Example:
        >>> list(open_sets("AFLW2000-3D.zip", tests=True))  # doctest: +SKIP
        ['images with .mat labels']
    """
    found = find_sets(path)
    chosen = [one for one in found if tests or not one.test]
    if found and not chosen:
        names = ", ".join(one.kind for one in found)
        asked = "name a set's own file, or set tests=true, to take them"
        raise ValueError(f"{path} holds sets for testing alone ({names}); {asked}")
    return {one.kind: one.open(size) for one in chosen}


__all__ = ["READERS", "FoundSet", "find_sets", "open_sets"]
