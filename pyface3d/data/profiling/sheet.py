"""An overview of views: a row for each photo, a column for each yaw."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pyface3d.atomic import atomic_write
from pyface3d.data.sample import Sample

ROWS = 12


class Sheet:
    """Collects the views of the first photos; what was left out stays white.

    Args:
        yaws: degrees of the columns.
        size: side of the views in pixels.
        rows: how many photos.
    """

    def __init__(self, yaws: Sequence[float], size: int, rows: int = ROWS):
        self.yaws, self.size, self.rows = np.asarray(yaws, float), size, rows
        self._cells: dict[str, dict[int, Tensor]] = {}

    def add(self, sample: Sample) -> None:
        """Adds a view of ``profile_faces``."""
        name = sample["name"].rpartition("_")[0]
        if name in self._cells or len(self._cells) < self.rows:
            column = int(np.abs(self.yaws - sample["yaw"]).argmin())
            self._cells.setdefault(name, {})[column] = sample["image"]

    def picture(self) -> Tensor:
        """(3, H, W) uint8."""
        blank = torch.full((3, self.size, self.size), 255, dtype=torch.uint8)
        rows = [torch.cat([row.get(k, blank) for k in range(len(self.yaws))], 2) for row in self._cells.values()]
        return torch.cat(rows, 1) if rows else blank

    def save(self, path: str | Path) -> None:
        """Writes the picture, in the format that the suffix names."""
        with atomic_write(path) as stream:
            kind = Image.registered_extensions()[Path(path).suffix.lower()]
            Image.fromarray(self.picture().permute(1, 2, 0).numpy()).save(stream, kind)
