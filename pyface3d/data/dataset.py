"""What all readers share: samples by index, and an account of those that cannot be read."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch.utils.data import Dataset

from pyface3d.data.pictures import UnreadableError
from pyface3d.data.sample import Sample

REASONS = ("", "missing file", "unreadable image", "unreadable label", "label out of range", "face outside the image")


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
    """A map-style dataset of faces. A sample that cannot be read is replaced by the next one, and counted.

    Training therefore neither stops nor changes its batch size at a damaged file; :meth:`report` names what was met.
    The account lies in shared memory: what worker processes find is seen here.

    Args:
        names: one name per sample.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self._faults = torch.zeros(len(self.names), dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def load(self, index: int) -> Sample:
        """Reads one sample; :class:`UnreadableError` where that is not possible."""

    def __getitem__(self, index: int) -> Sample:
        """The sample of that index or, where it cannot be read, the next one that can.

        Raises:
            IndexError: past the end.
            RuntimeError: no sample of the whole set can be read.
        """
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {count} samples")
        for step in range(count):
            at = (index + step) % count
            if self._faults[at]:
                continue
            try:
                return self.load(at)
            except UnreadableError as error:
                self._faults[at] = _code(str(error))
        raise RuntimeError(f"{type(self).__name__}: none of the {count} samples can be read; {self.report()}")

    def report(self) -> Report:
        """What was refused so far, in this process and its workers."""
        bad = self._faults.nonzero()[:, 0].tolist()
        return Report(len(self), {self.names[i]: REASONS[int(self._faults[i])] for i in bad})

    def verify(self) -> Report:
        """Reads every sample once; the report gives each refusal's full text."""
        report = Report(len(self))
        for index in range(len(self)):
            try:
                self.load(index)
            except UnreadableError as error:
                self._faults[index] = _code(str(error))
                report.refused[self.names[index]] = str(error)
        return report


def _code(text: str) -> int:
    return next((code for code, reason in enumerate(REASONS) if code and text.startswith(reason)), 3)
