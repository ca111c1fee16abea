"""CelebA: forty attributes of 202,599 aligned pictures, from the official lists."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pyface3d.camera import image_to_crop, roi_from_five_points
from pyface3d.data.archive import Archive, stem
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.parts import FoundSet, pictures_beside, tables_with
from pyface3d.data.pictures import Pictures, UnreadableError, cut
from pyface3d.data.sample import Sample
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_text

WIDTH = 178  # of an aligned picture as published
PARTS = {"train": 0, "val": 1, "test": 2}
OFFICIAL_STARTS = (1, 162771, 182638, 202600)  # first image number of train, val, test, and the end
# Eyes, nose tip, mouth corners of an aligned picture (178 x 218), where a set gives none of its own.
ALIGNED = np.array([[69.5, 111.5], [108.0, 111.5], [89.0, 135.5], [73.0, 152.5], [105.0, 152.5]], np.float32)


class CelebA(FaceDataset):
    """CelebA's pictures with their attributes (1 yes, 0 no, -1 unknown) and five landmarks, framed as 300W-LP's faces.

    Args:
        images: ``img_align_celeba`` (or ``img_celeba`` with ``landmarks``), folder or zip.
        attributes: ``list_attr_celeba.txt``, or an ``.npz`` with ``image_names``, ``attribute_names``, ``attributes``.
        part: "train", "val", "test" or "all".
        partition: ``list_eval_partition.txt``; default: the official ranges of image numbers.
        landmarks: ``list_landmarks_align_celeba.txt``; default: the alignment's own places.
        size: side of the crops.

    Raises:
        ValueError: an unknown part, lists that cannot be parsed, or no picture of the part.
    """

    def __init__(
        self,
        images: str | os.PathLike,
        attributes: str | os.PathLike,
        part: str = "train",
        partition: str | os.PathLike | None = None,
        landmarks: str | os.PathLike | None = None,
        size: int = 120,
    ):
        if part not in (*PARTS, "all"):
            raise ValueError(f"CelebA: part must be one of {', '.join(PARTS)}, all, got {part!r}")
        names, self.attribute_names, table = _read_attributes(Path(attributes))
        self.pictures, self.size = Pictures(images), size
        parts = None if partition is None else dict(zip(*_read_list(Path(partition), 1)))
        kept = [i for i, name in enumerate(names) if name in self.pictures and _in_part(name, part, parts)]
        if not kept:
            raise ValueError(f"CelebA: {images} holds no picture of the part {part!r} of {attributes}")
        super().__init__([names[i] for i in kept])
        self.attributes = torch.from_numpy(table[kept])  # (N, 40) int8
        self.points, self.aligned = _points_of(self.names, landmarks), landmarks is None  # (N, 5, 2)
        self.title = f"CelebA, {part}"

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """The official folder, or a table of attributes beside a zip of pictures; a set for each part that is there."""
        if not archive.path.is_dir():
            return []
        files = celeba_files(archive.path)
        tables = tables_with(archive.path, {"image_names", "attribute_names", "attributes"})
        beside = pictures_beside(archive) if tables else []
        if files is None and not (tables and beside):
            return []
        images, table = files or (beside[0], tables[0])
        numbers = [stem(Path(name).name) for name in Archive(images).pictures()]
        parts = [part for part in PARTS if any(_in_part(number, part, None) for number in numbers)]
        return [
            FoundSet(f"CelebA, {part}", partial(cls, images, table, part), (table.name,), part != "train")
            for part in parts
        ]

    @classmethod
    def open(cls, folder: str | os.PathLike, part: str = "train") -> "CelebA":
        """A part of the official folder: ``img_align_celeba`` or its zip, and ``list_attr_celeba.txt``.

        Raises:
            FileNotFoundError: one of them is missing.
        """
        files = celeba_files(folder)
        if files is None:
            raise FileNotFoundError(f"CelebA: {folder} must hold img_align_celeba and list_attr_celeba.txt")
        return cls(*files, part)

    def load(self, index: int) -> Sample:
        """Reads one face."""
        image = self.pictures.read(self.names[index])
        points = self.points[index]
        if self.aligned:  # the pictures may be kept smaller than they were published
            points = (points + 0.5) * (image.shape[2] / WIDTH) - 0.5
        if not bool(points.isfinite().all()):
            raise UnreadableError("unreadable label (no landmarks in the list)")
        roi = roi_from_five_points(points)
        return Sample(
            image=cut(image, roi, self.size),
            landmarks=image_to_crop(points[None], roi[None], self.size)[0],
            visible=torch.ones(5, dtype=torch.bool),
            attributes=self.attributes[index],
            box=roi,
            name=self.names[index],
        )


def celeba_files(folder: str | os.PathLike) -> tuple[Path, Path] | None:
    """Images and list of attributes in the official folder; None where one of them is missing."""
    folder = Path(folder)
    images = [folder / name for name in ("img_align_celeba", "img_align_celeba.zip")]
    lists = [folder / name for name in ("list_attr_celeba.txt", "Anno/list_attr_celeba.txt")]
    found = [next((path for path in paths if path.exists()), None) for paths in (images, lists)]
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _read_attributes(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Image names, attribute names, (N, 40) int8 in {1, 0}."""
    if path.suffix == ".npz":
        tables = read_npz(path, "CelebA")
        with reading(path, "CelebA"):
            names, labels, table = (tables[k] for k in ("image_names", "attribute_names", "attributes"))
            if table.shape != (len(names), len(labels)):
                raise ValueError(f"attributes must be ({len(names)}, {len(labels)}), got {table.shape}")
            return names.tolist(), labels.tolist(), (table > 0).astype(np.int8)
    lines = read_text(path).split("\n", 2)
    if len(lines) < 3:
        raise ValueError(f"CelebA: {path} must be a count, the names of the attributes, and a line for each image")
    header = lines[1].split()
    images, rows = _read_list(path, len(header), skip=2)
    return images, header, (np.asarray(rows) > 0).astype(np.int8)


def _read_list(path: Path, columns: int, skip: int = 0) -> tuple[list[str], list]:
    """Names and integer columns of one of the official lists."""
    names, rows = [], []
    for number, line in enumerate(read_text(path).splitlines()[skip:], start=skip + 1):
        fields = line.split()
        if not fields:
            continue
        try:
            values = [int(field) for field in fields[1:]]
        except ValueError:
            values = []
        if len(values) != columns:
            raise ValueError(f"CelebA: line {number} of {path} must be a name and {columns} integers, got {line[:40]}")
        names.append(fields[0])
        rows.append(values if columns > 1 else values[0])
    return names, rows


def _in_part(name: str, part: str, parts: dict[str, int] | None) -> bool:
    if part == "all":
        return True
    if parts is not None:
        return parts.get(name) == PARTS[part]
    digits = stem(name)
    start, end = OFFICIAL_STARTS[PARTS[part] : PARTS[part] + 2]
    return digits.isdigit() and start <= int(digits) < end


def _points_of(names: list[str], landmarks: str | os.PathLike | None) -> torch.Tensor:
    if landmarks is None:
        return torch.from_numpy(ALIGNED).expand(len(names), 5, 2)
    listed, rows = _read_list(Path(landmarks), 10, skip=2)
    places = dict(zip(listed, np.asarray(rows, np.float32).reshape(-1, 5, 2)))
    unknown = np.full((5, 2), np.nan, np.float32)
    return torch.from_numpy(np.stack([places.get(name, unknown) for name in names]))
