"""What all readers share: samples by index, and an account of those that cannot be read."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from pyface3d.data.pictures import UnreadableError
from pyface3d.data.sample import Sample

if TYPE_CHECKING:
    from pyface3d.data.archive import Archive
    from pyface3d.data.parts import FoundSet


@dataclass
class Report:
    """Samples that could not be used.

    Attributes:
        total: number of samples asked about.
        refused: name -> reason.
    """

    total: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.refused:
            return f"{self.total} samples, none refused"
        counts = Counter(reason.partition(" (")[0] for reason in self.refused.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        shown = ", ".join(list(self.refused)[:5]) + (", ..." if len(self.refused) > 5 else "")
        return f"{self.total} samples, {len(self.refused)} refused: {reasons} ({shown})"


class FaceDataset(Dataset, ABC):
    """A map-style dataset of faces: ``faces[i]`` is sample i, or an error that names it.

    Training passes over samples that cannot be read (:class:`pyface3d.data.Tolerant`); nothing else does.

    Args:
        names: one name per sample.

    Attributes:
        title: what the set is called in reports.
        face_model: hash of the face model that ``params`` belong to, or the name of one that is not at hand
            (``"bfm2009"``); empty where samples have no parameters.
        landmark_set: convention of the landmarks.
    """

    title = ""
    face_model = ""
    landmark_set = ""

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.title = self.title or type(self).__name__

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(self, index: int) -> Sample:
        """Reads one sample; :class:`UnreadableError` where that is not possible."""

    def __getitem__(self, index: int) -> Sample:
        """Sample ``index``, with its number, its set and what its labels belong to.

        Raises:
            IndexError: past the end.
            UnreadableError: it cannot be read; the sentence names set, number, name and reason.
        """
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {count} samples")
        index %= count
        try:
            sample = self.load(index)
        except UnreadableError as error:
            raise UnreadableError(f"{error}, sample {index} of {self.title}: {self.names[index]}") from error
        about = {"landmark_set": self.landmark_set, "face_model": self.face_model if "params" in sample else ""}
        kept = {key: value for key, value in about.items() if value and key not in sample}
        return Sample(**sample, **kept, index=index, set=self.title)  # type: ignore[typeddict-item]

    def verify(self) -> Report:
        """Reads every sample once; the report gives each refusal's full text."""
        report = Report(len(self))
        for index in range(len(self)):
            try:
                self.load(index)
            except UnreadableError as error:
                report.refused[self.names[index]] = str(error)
        return report

    @classmethod
    def find(cls, archive: "Archive") -> "list[FoundSet]":
        """The sets of this kind in a folder or zip, by its names alone; none by default."""
        return []
