"""Training does not stop at a damaged file: a sample that cannot be read is replaced, counted and named."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from pyface3d.data.dataset import Report
from pyface3d.data.pictures import UnreadableError

REASONS = ("", "missing file", "unreadable image", "unreadable label", "label out of range", "face outside the image")


class Tolerant(Dataset):
    """A set in which a sample that cannot be read is replaced by the next one that can.

    Neither the batch size nor the number of steps changes at a damaged file; :meth:`report` names what was met. The
    account lies in shared memory: what worker processes find is seen here.

    Args:
        faces: the set, with ``names`` or without.

    Example:
        >>> faces = Tolerant(MatFaces("300W_LP.zip"))  # doctest: +SKIP
        >>> print(faces.report())  # doctest: +SKIP
        122450 samples, none refused
    """

    def __init__(self, faces: Any):
        self.faces, self.title = faces, getattr(faces, "title", type(faces).__name__)
        self.names: Sequence[str] = getattr(faces, "names", None) or ()
        self._faults = torch.zeros(len(faces), dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        return len(self._faults)

    def __getitem__(self, index: int) -> Any:
        """The sample of that index or, where it cannot be read, the next one that can.

        Raises:
            IndexError: past the end.
            RuntimeError: no sample of the whole set can be read.
        """
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{self.title}: index {index} is out of range for {count} samples")
        for step in range(count):
            at = (index + step) % count
            if self._faults[at]:
                continue
            try:
                return self.faces[at]
            except UnreadableError as error:
                self._faults[at] = _code(str(error))
        raise RuntimeError(f"{self.title}: none of the {count} samples can be read; {self.report()}")

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several samples, asked for at once where the set can answer so and nothing is wrong with them."""
        if hasattr(self.faces, "__getitems__") and not bool(self._faults[list(indices)].any()):
            try:
                return self.faces.__getitems__(indices)
            except UnreadableError:
                pass
        return [self[index] for index in indices]

    def report(self) -> Report:
        """What was refused so far, in this process and its workers."""
        bad = self._faults.nonzero()[:, 0].tolist()
        named = {(self.names[i] if self.names else f"sample {i}"): REASONS[int(self._faults[i])] for i in bad}
        return Report(len(self), named)


def _code(text: str) -> int:
    return next((code for code, reason in enumerate(REASONS) if code and text.startswith(reason)), 3)
