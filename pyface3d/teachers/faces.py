"""The faces that teachers look at: those of data sets, with what people marked, or those found in photos."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyface3d.data import FaceDataset, FoundSet, Report, UnreadableError, find_sets
from pyface3d.data.sample import Sample
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.images import Photo, find_sources
from pyface3d.images.detection import Detector, find_faces
from pyface3d.reconstructor.given_places import Places, find_places

PORTRAITS_SEED = 1  # the set that training renders too; those for testing have others


@dataclass
class FaceToLabel:
    """A face and what is known of it.

    Attributes:
        name: of the label.
        pixels: (3, H, W) uint8, RGB: the photo, or the crop of a set at the teachers' resolution.
        roi: (4,) 3DDFA's square around the face, in ``pixels``.
        crop: the set's own crop, which the label keeps; None: it is cut from the photo around the landmarks.
        points: (L, 2) marked by people, in ``pixels``; None where there are none.
        seen: (L,) bool.
        points_set: their convention, or None: what their number stands for.
        kept: what else the sample has and the label keeps: attributes.
        box: (4,) of the crop in the original.
    """

    name: str
    pixels: Tensor
    roi: Tensor
    crop: Tensor | None = None
    points: Tensor | None = None
    seen: Tensor | None = None
    points_set: str | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    box: Tensor | None = None


def faces_of_sets(
    found: list[FoundSet], report: Report, size: int, largest: int, limit: int | None = None
) -> Iterator[FaceToLabel]:
    """The faces of data sets in their own crops, with their landmarks as what people marked.

    Args:
        found: the sets.
        report: counts, and names those that cannot be read.
        size: side of the crops that the labels keep.
        largest: side at which teachers look.
        limit: of each set.
    """
    for one in found:
        small = one.open(size)
        large = small if largest <= size else one.open(largest)
        for index in range(min(len(small), limit or len(small))):
            report.total += 1
            try:
                yield _of_sample(small, large, index)
            except UnreadableError as error:
                report.refused[small.names[index]] = str(error)


def _of_sample(small: FaceDataset, large: FaceDataset, index: int) -> FaceToLabel:
    sample = small.load(index)
    seen_large: Sample = sample if large is small else large.load(index)
    pixels = seen_large["image"]
    face = FaceToLabel(sample["name"], pixels, _whole(pixels))
    face.crop, face.box = sample["image"], sample.get("box")
    if "landmarks" in sample and small.landmark_set:  # without a convention nobody marked them: CelebA's alignment
        face.points, face.points_set = seen_large["landmarks"][:, :2], small.landmark_set
        face.seen = sample.get("visible", torch.ones(len(face.points), dtype=torch.bool))
    face.kept = {key: value for key, value in sample.items() if key == "attributes"}
    return face


def faces_of_portraits(count: int, report: Report, size: int, largest: int) -> Iterator[FaceToLabel]:
    """Rendered portraits, of which teachers are to say what they would say of photos: their own labels are left out.

    A renderer paints brows and lips where the face model has them, labels of photos are where people saw them.

    Args:
        count: number of portraits.
        report: counts.
        size: side of the crops that the labels keep.
        largest: side at which teachers look.
    """
    small = SyntheticFaces(size=size, seed=PORTRAITS_SEED)
    large = small if largest <= size else SyntheticFaces(size=largest, seed=PORTRAITS_SEED)
    for index in range(count):
        report.total += 1
        image = small[index]["image"]
        pixels = image if large is small else large[index]["image"]
        yield FaceToLabel(f"portrait-{index:06d}", pixels, _whole(pixels), image)


def _whole(pixels: Tensor) -> Tensor:
    return torch.tensor([0.0, 0.0, pixels.shape[2], pixels.shape[1]])


def faces_of_photos(
    source: str | os.PathLike, report: Report, detector: Detector, places: Mapping[str, Places], limit: int | None
) -> Iterator[FaceToLabel]:
    """The largest face of each photo, where a detector or what people marked says.

    Args:
        source: photos, folders, archives, as :func:`pyface3d.images.find_sources` takes them.
        report: counts, and names photos that cannot be read or show no face.
        detector: finds the faces.
        places: landmarks of photos by name; photos that are not in it are searched.
        limit: number of photos.
    """
    for number, photo_source in enumerate(find_sources([source])):
        if number == limit:
            return
        report.total += 1
        try:
            photo = photo_source.read()
            face = FaceToLabel(photo_source.stem, torch.from_numpy(photo.pixels).permute(2, 0, 1), torch.zeros(4))
            place = find_places(places, photo_source.name)
            if place is None:
                rois = find_faces(detector, photo.pixels, True).rois("roi_from_landmarks")
            else:
                rois = _given(face, place, photo)
            if not len(rois):
                raise ValueError("no face found")
        except (OSError, ValueError) as error:
            report.refused[photo_source.name] = f"unreadable image ({error})"
            continue
        face.roi = torch.from_numpy(np.asarray(rois[0], np.float32))
        yield face


def _given(face: FaceToLabel, place: Places, photo: Photo) -> np.ndarray:
    """Crops (F, 4) in the photo as it was read, of marked points, which the face takes."""
    rois = place.crops()
    points = np.asarray(place.landmarks, np.float32)
    points = points[0] if points.ndim == 3 else points
    face.points = torch.from_numpy(photo.to_memory(points[:, :2])).float()
    face.seen = torch.ones(len(points), dtype=torch.bool)
    assert rois is not None
    return photo.to_memory(rois)


def sets_of(source: str | os.PathLike) -> list[FoundSet]:
    """The data sets that a path is, or none where it is photos; a file that is named keeps what it is for."""
    path = Path(source)
    if path.suffix in (".npz", ".json") and path.is_file():
        return [one for one in find_sets(path.parent) if path.name in one.files]
    return find_sets(path) if path.is_dir() or (path.suffix == ".zip" and path.is_file()) else []
