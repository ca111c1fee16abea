"""What a folder of faces is, how many samples it holds, and what is wrong with it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pyface3d.data.archive import Archive, stem
from pyface3d.data.celeba import CelebA, celeba_files
from pyface3d.data.cropped_faces import CroppedFaces
from pyface3d.data.dataset import FaceDataset, Report
from pyface3d.data.landmark_files import LandmarkFaces
from pyface3d.data.mat import MatFaces


@dataclass
class FolderReport:
    """What :func:`check` found.

    Attributes:
        path: what was looked at.
        kinds: what it is: one line per set found, with its number of samples.
        reports: set -> the samples that cannot be used, and why.
        notes: anything else worth knowing (images without labels, labels without images).
    """

    path: str
    kinds: dict[str, int] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are samples and all of them can be read."""
        return bool(self.kinds) and not any(report.refused for report in self.reports.values())

    def __str__(self) -> str:
        lines = [f"{self.path}: {', '.join(f'{kind} ({n} samples)' for kind, n in self.kinds.items()) or 'no faces'}"]
        for kind, report in self.reports.items():
            lines += [f"  {kind}: {report}"] if report.refused else []
            lines += [f"    {name}: {reason}" for name, reason in report.refused.items()]
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def check(path: str | os.PathLike, read: bool = True) -> FolderReport:
    """Says what a folder or zip is and reads every sample once.

    Args:
        path: folder or zip.
        read: also read every image and label; without it only the index is made.

    Returns:
        The report; ``print`` it.

    Raises:
        FileNotFoundError: there is nothing at ``path``.
        ValueError: a file that is not a zip.

    Example:
        >>> print(check("AFLW2000-3D.zip"))  # doctest: +SKIP
        AFLW2000-3D.zip: images with .mat labels (1000 samples)
    """
    archive, report = Archive(path), FolderReport(str(path))
    for kind, make in _candidates(archive):
        try:
            faces = make()
        except (ValueError, OSError) as error:
            report.notes.append(f"{kind}: {error}")
            continue
        report.kinds[kind] = len(faces)
        if read:
            report.reports[kind] = faces.verify()
    report.notes += _strays(archive)
    return report


def open_sets(path: str | os.PathLike) -> dict[str, FaceDataset]:
    """The sets that a folder or zip holds, by what they are; arguments and errors as for :func:`check`.

    Example:
        >>> list(open_sets("AFLW2000-3D.zip"))  # doctest: +SKIP
        ['images with .mat labels']
    """
    return {kind: make() for kind, make in _candidates(Archive(path))}


def _candidates(archive: Archive) -> list[tuple[str, Callable[[], FaceDataset]]]:
    """The sets that the names alone suggest, as constructors."""
    path, names = archive.path, archive.names
    found: list[tuple[str, Callable[[], FaceDataset]]] = []
    pictures = {stem(name) for name in archive.pictures()}
    if any(name.lower().endswith(".mat") and stem(name) in pictures for name in names):
        found.append(("images with .mat labels", partial(MatFaces, path)))
    if any(name.endswith(".json") and "/" not in name for name in names):
        found.append(("COCO keypoints", partial(LandmarkFaces, path)))
    elif any(stem(n).replace("landmarks/", "images/") in pictures for n in names if n.endswith((".pts", ".txt"))):
        found.append(("photos with landmark files", partial(LandmarkFaces, path)))
    if not path.is_dir():
        return found
    for table in sorted(path.glob("*.npz")):
        for crops in sorted(path.glob(f"{table.stem}_crops*")):
            found.append((f"crops with points, {table.stem}", partial(CroppedFaces, table, crops)))
    if celeba_files(path) is not None:
        found.append(("CelebA", partial(CelebA.open, path, "all")))
    return found


def _strays(archive: Archive) -> list[str]:
    """Labels without a picture."""
    pictures = {stem(name) for name in archive.pictures()}
    strays = [n for n in archive.names if Path(n).suffix.lower() in (".mat", ".pts") and stem(n) not in pictures]
    shown = ", ".join(strays[:5]) + (", ..." if len(strays) > 5 else "")
    return [f"{len(strays)} labels without an image ({shown})"] if strays else []
