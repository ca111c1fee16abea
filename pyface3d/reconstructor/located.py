"""Photos whose faces are found, on the way to the network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from pyface3d.images import Photo, Source


@dataclass
class Located:
    """A photo with the places of its faces, on the way to the network."""

    source: Source
    photo: Photo | None = None
    rois: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    crops: torch.Tensor | None = None  # (F, 3, S, S) uint8
    settled: bool = False  # the crops are the user's: no second pass
    error: Exception | None = None

    def sentence(self) -> str | None:
        """Why the photo could not be read, or None."""
        if isinstance(self.error, OSError) and self.error.strerror:
            return f"{self.source.name}: {self.error.strerror}"
        return None if self.error is None else str(self.error)


def in_batches(located: Iterable[Located], faces: int, pixels: int) -> Iterator[list[Located]]:
    """Photos with so many faces, or so many pixels, together."""
    batch: list[Located] = []
    for entry in located:
        batch.append(entry)
        waiting = sum(other.photo.pixels.size // 3 for other in batch if other.photo)
        if sum(len(other.rois) for other in batch) >= faces or waiting > pixels:
            yield batch
            batch = []
    if batch:
        yield batch
