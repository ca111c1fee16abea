"""What a folder of faces is, how many samples it holds, and what is wrong with it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from pyface3d.data.archive import Archive, stem
from pyface3d.data.dataset import Report
from pyface3d.data.found import SIZE, find_sets


@dataclass
class FolderReport:
    """What :func:`check` found.

    Attributes:
        path: what was looked at.
        kinds: what it is: one line per set found, with its number of samples.
        reports: set -> the samples that cannot be used, and why.
        tests: the kinds that are for testing: training does not take them unasked.
        notes: anything else worth knowing (images without labels, labels without images).
    """

    path: str
    kinds: dict[str, int] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    tests: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are samples and all of them can be read."""
        return bool(self.kinds) and not any(report.refused for report in self.reports.values())

    def __str__(self) -> str:
        kinds = [f"{kind} ({n} samples{', for testing' * (kind in self.tests)})" for kind, n in self.kinds.items()]
        lines = [f"{self.path}: {', '.join(kinds) or 'no faces'}"]
        for kind, report in self.reports.items():
            lines += [f"  {kind}: {report}"] if report.refused else []
            lines += [f"    {name}: {reason}" for name, reason in report.refused.items()]
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def check(path: str | os.PathLike, read: bool = True) -> FolderReport:
    """Says what a folder or zip is and reads every sample once.

    Args:
        path: folder, zip, or one file of a set; see :func:`find_sets`.
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
    report = FolderReport(str(path))
    for found in find_sets(path):
        try:
            faces = found.open(SIZE)
        except (ValueError, OSError) as error:
            report.notes.append(f"{found.kind}: {error}")
            continue
        report.kinds[found.kind] = len(faces)
        if found.test:
            report.tests.append(found.kind)
        if read:
            report.reports[found.kind] = faces.verify()
    if Path(path).is_dir() or not report.kinds:
        report.notes += _strays(Archive(path))
    return report


def _strays(archive: Archive) -> list[str]:
    """Labels without a picture."""
    pictures = {stem(name) for name in archive.pictures()}
    strays = [n for n in archive.names if Path(n).suffix.lower() in (".mat", ".pts") and stem(n) not in pictures]
    shown = ", ".join(strays[:5]) + (", ..." if len(strays) > 5 else "")
    return [f"{len(strays)} labels without an image ({shown})"] if strays else []
