"""Whole photos in a folder or zip, and one table of their landmarks beside it."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pyface3d.camera import image_to_crop
from pyface3d.data.archive import Archive
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.mat import face_roi
from pyface3d.data.parts import FoundSet, is_test, pictures_beside, tables_with
from pyface3d.data.pictures import Pictures, UnreadableError, cut
from pyface3d.data.sample import Sample
from pyface3d.foreign.arrays import read_npz

SETS = {478: "mediapipe478", 468: "mediapipe468", 68: "300w-lp", 21: "aflw21"}
# Where 3DDFA's box about 68 landmarks lies, of a mesh of MediaPipe: the first point of 68 is the jaw, not the forehead.
INNER = (127, 356, 152, 70, 300, 4, 61, 291, 33, 263, 105, 334)


class PointTable(FaceDataset):
    """Photos whose landmarks a table holds: ``names`` (N,) and ``points`` (N, L, 2 or 3) in pixels of the photos.

    Args:
        images: folder or zip of the photos.
        table: the ``.npz``.
        size: side of the crops, which 3DDFA's rule cuts around the landmarks.

    Raises:
        ValueError: the table lacks one of the arrays, or they differ in length.
    """

    def __init__(self, images: str | os.PathLike, table: str | os.PathLike, size: int = 120):
        tables = read_npz(table, "PointTable")
        missing = [name for name in ("names", "points") if name not in tables]
        if missing:
            raise ValueError(f"PointTable: {table} lacks {', '.join(missing)}; it has {', '.join(tables)}")
        super().__init__([str(name) for name in tables["names"]])
        self.points = torch.from_numpy(tables["points"].astype(np.float32))
        if len(self.points) != len(self.names):
            raise ValueError(f"PointTable: {table} has {len(self.names)} names and {len(self.points)} rows of points")
        self.pictures, self.size = Pictures(images), size
        self.title = Path(table).name
        self.landmark_set = SETS.get(self.points.shape[1], "")

    def load(self, index: int) -> Sample:
        """Cuts one face out of its photo."""
        points = self.points[index]
        if not bool(points.isfinite().all()):
            raise UnreadableError("label out of range (NaN or infinity)")
        image = self.pictures.read(self.names[index])
        around = points[list(INNER)] if len(points) in (468, 478) else points
        roi = face_roi(around, image.shape[1:])
        return Sample(
            image=cut(image, roi, self.size),
            landmarks=image_to_crop(points[None], roi[None], self.size)[0],
            visible=torch.ones(len(points), dtype=torch.bool),
            box=roi,
            name=self.names[index],
        )

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """Tables of ``names`` and ``points`` beside a zip of pictures, or in their folder."""
        found = []
        for table in tables_with(archive.path, {"names", "points"}):
            for images in pictures_beside(archive):
                make = partial(cls, images, table)
                test = is_test(table.name) or is_test(archive.path.name)
                found.append(FoundSet(f"photos with points, {table.stem}", make, (table.name,), test))
        return found
