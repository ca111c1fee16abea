"""The worst images of an evaluation and their contact sheet."""

import heapq
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from pyface3d.atomic import atomic_write

_MARGIN = 14  # pixels of caption


@dataclass(frozen=True)
class Thumbnail:
    """One image with what was predicted and what is true, in pixels of the picture."""

    error: float
    name: str
    image: Tensor  # (3, S, S) uint8
    predicted: Tensor | None = None  # (L, 2|3)
    target: Tensor | None = None  # (L, 2|3)


class WorstImages:
    """Keeps the ``count`` images of the largest error while batches pass.

    Example:
        >>> worst = WorstImages(1)
        >>> for error in (3.0, 5.0, 4.0):
        ...     worst.add(Thumbnail(error, str(error), torch.zeros(3, 4, 4, dtype=torch.uint8)))
        >>> [thumbnail.error for thumbnail in worst.sorted()]
        [5.0]
    """

    def __init__(self, count: int = 20) -> None:
        self.count = count
        self._heap: list[tuple[float, int, Thumbnail]] = []
        self._order = itertools.count()

    def wants(self, error: float) -> bool:
        """Whether an image of this error would be kept; NaN never."""
        kept = len(self._heap) < self.count or (self.count > 0 and error > self._heap[0][0])
        return kept and error == error

    def add(self, thumbnail: Thumbnail) -> None:
        """Offers an image."""
        if self.wants(thumbnail.error):
            entry = (thumbnail.error, next(self._order), thumbnail)
            (heapq.heappush if len(self._heap) < self.count else heapq.heapreplace)(self._heap, entry)

    def sorted(self) -> list[Thumbnail]:
        """The kept images, worst first."""
        return [thumbnail for _, _, thumbnail in sorted(self._heap, key=lambda entry: -entry[0])]


def draw_contact_sheet(
    thumbnails: list[Thumbnail], path: str | Path, *, columns: int = 5, side: int = 160, unit: str = "%"
) -> None:
    """Draws thumbnails row by row: true points green, predicted points red, error and name below.

    Args:
        thumbnails: worst first.
        path: picture to write; the suffix chooses the format.
        columns: thumbnails in a row.
        side: side of one in pixels.
        unit: unit of the errors.

    Raises:
        ValueError: if there are no thumbnails.
    """
    if not thumbnails:
        raise ValueError("draw_contact_sheet: there are no thumbnails to draw")
    rows = -(-len(thumbnails) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + _MARGIN)), "white")
    for i, thumbnail in enumerate(thumbnails):
        corner = (i % columns * side, i // columns * (side + _MARGIN))
        sheet.paste(_draw(thumbnail, side), corner)
        caption = f"{thumbnail.error:.1f} {unit} {thumbnail.name}"
        ImageDraw.Draw(sheet).text((corner[0] + 2, corner[1] + side + 1), caption, fill="black")
    path = Path(path)
    with atomic_write(path) as stream:
        sheet.save(stream, format=Image.registered_extensions().get(path.suffix.lower(), "PNG"))


def _draw(thumbnail: Thumbnail, side: int) -> Image.Image:
    pixels = thumbnail.image.to(torch.uint8).cpu().permute(1, 2, 0).numpy()
    picture = Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side))
    pen = ImageDraw.Draw(picture)
    scale = side / thumbnail.image.shape[-1]
    for points, color in ((thumbnail.target, (0, 255, 0)), (thumbnail.predicted, (255, 0, 0))):
        for x, y in [] if points is None else (points[:, :2] * scale).tolist():
            pen.ellipse((x - 1, y - 1, x + 1, y + 1), fill=color)
    return picture
