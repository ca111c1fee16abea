"""Photos with landmark annotations: 300W, WFLW, COFW, LaPa and what else comes as COCO keypoints."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pyface3d.camera import image_to_crop, roi_from_five_points
from pyface3d.data.archive import Archive, stem
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.mat import face_roi
from pyface3d.data.parts import FoundSet, is_test
from pyface3d.data.pictures import Pictures, UnreadableError, cut
from pyface3d.data.sample import Sample
from pyface3d.data.schemes import convert_landmarks
from pyface3d.foreign.damage import one_line
from pyface3d.foreign.regular import read_text

WFLW_FIELDS = 2 * 98 + 4 + 6 + 1  # coordinates, box, six flags, file name


@dataclass
class Annotation:
    """One face: ``file`` of its photo, ``points`` (L, 2) in 0-based pixels, ``visible`` (L,)."""

    file: str
    points: np.ndarray
    visible: np.ndarray


class LandmarkFaces(FaceDataset):
    """Faces cut out of photos around their annotated landmarks.

    Understood are, by what the files look like: COCO keypoint files (``.json``, as the MMPose project publishes 300W,
    AFLW, COFW, LaPa and WFLW), 300W's ``.pts`` beside each photo, WFLW's lists, LaPa's ``.txt`` beside each photo.

    Args:
        path: folder or zip of photos (and of ``.pts`` or LaPa's ``.txt``).
        annotations: a ``.json`` or WFLW's list; default: the ``.json`` in the folder, or the files beside the photos.
        landmarks: number of points wanted (68 of WFLW's 98 and of LaPa's 106; 21 of 68); None keeps the set's own.
        size: side of the crops.

    Raises:
        ValueError: no annotations are found or a file cannot be parsed.

    Example:
        >>> faces = LandmarkFaces("WFLW_images.zip", "list_98pt_test.txt", landmarks=68)  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike,
        annotations: str | os.PathLike | None = None,
        landmarks: int | None = None,
        size: int = 120,
    ):
        self.pictures, self.landmarks, self.size = Pictures(path), landmarks, size
        self.annotations = list(_annotations(self.pictures.archive, annotations))
        if not self.annotations:
            raise ValueError(f"LandmarkFaces: {path} has no .json, .pts or LaPa's .txt; pass annotations=")
        self.title = Path(path).name.removesuffix(".zip")
        super().__init__([f"{stem(a.file)}#{number}" for number, a in enumerate(self.annotations)])

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """COCO keypoint files at the top, or ``.pts`` and ``.txt`` files beside the photos."""
        path = archive.path
        tables = [name for name in archive.names if name.endswith(".json") and "/" not in name]
        tables = [name for name in tables if b'"annotations"' in archive.read(name)]
        if tables:
            many = [f"COCO keypoints, {stem(name)}" if len(tables) > 1 else "COCO keypoints" for name in tables]
            files = [path / name if path.is_dir() else None for name in tables]
            return [
                FoundSet(kind, partial(cls, path, file), (name,), is_test(name) or is_test(path.name))
                for kind, file, name in zip(many, files, tables)
            ]
        pictures = {stem(name) for name in archive.pictures()}
        labels = [name for name in archive.names if name.lower().endswith((".pts", ".txt"))]
        if not any(stem(name).replace("landmarks/", "images/") in pictures for name in labels):
            return []
        return [FoundSet("photos with landmark files", partial(cls, path), (), is_test(path.name))]

    def load(self, index: int) -> Sample:
        """Cuts one face out of its photo."""
        annotation = self.annotations[index]
        visible = annotation.visible & np.isfinite(annotation.points).all(axis=1)
        if visible.sum() < 3:
            raise UnreadableError(f"label out of range ({visible.sum()} visible landmarks)")
        image = self.pictures.read(annotation.file)
        points, seen = torch.from_numpy(annotation.points), torch.from_numpy(visible)
        roi = roi_from_five_points(points) if len(points) == 5 else face_roi(points, image.shape[1:], seen)
        inside = image_to_crop(points[None], roi[None], self.size)[0].masked_fill(~seen[:, None], 0).numpy()
        inside, visible = convert_landmarks(inside, visible, self.landmarks)
        return Sample(
            image=cut(image, roi, self.size),
            landmarks=torch.from_numpy(inside),
            visible=torch.from_numpy(visible),
            box=roi,
            name=self.names[index],
        )


def _annotations(archive: Archive, path: str | os.PathLike | None) -> Iterator[Annotation]:
    if path is None:
        tables = [name for name in archive.names if name.endswith(".json") and "/" not in name]
        if tables:
            return _coco(archive.read(tables[0]).decode("utf-8", "replace"), tables[0])
        return _beside(archive)
    text = read_text(path)
    return _coco(text, str(path)) if str(path).endswith(".json") else _wflw(text, str(path))


def _coco(text: str, path: str) -> Iterator[Annotation]:
    try:
        content = json.loads(text)
        files = {image["id"]: image["file_name"] for image in content["images"]}
        for entry in content["annotations"]:
            triples = np.asarray(entry["keypoints"], np.float32).reshape(-1, 3)
            yield Annotation(files[entry["image_id"]], triples[:, :2].copy(), triples[:, 2] > 0)
    except Exception as error:  # JSON of any shape, nested deeper than Python follows
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise ValueError(f"LandmarkFaces: {path} is no COCO keypoint file ({reason})") from error


def _wflw(text: str, path: str) -> Iterator[Annotation]:
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            if len(fields) != WFLW_FIELDS:
                raise ValueError
            points = np.array(fields[:196], np.float32).reshape(98, 2)
        except ValueError:
            raise ValueError(f"LandmarkFaces: line {number} of {path} lacks WFLW's {WFLW_FIELDS} fields") from None
        yield Annotation(fields[-1], points, np.ones(98, bool))


def _beside(archive: Archive) -> Iterator[Annotation]:
    """``name.pts`` or ``name.txt`` beside ``name.jpg``; LaPa keeps them in ``landmarks/`` next to ``images/``."""
    labels = {stem(name): name for name in archive.names if name.lower().endswith((".pts", ".txt"))}
    for file in archive.pictures():
        label = labels.get(stem(file)) or labels.get(stem(file).replace("images/", "landmarks/"))
        if label is not None:
            parse: Callable[[str], np.ndarray] = _pts if label.lower().endswith(".pts") else _lapa
            points = parse(archive.read(label).decode("utf-8", "replace"))
            yield Annotation(file, points, np.isfinite(points).all(axis=1))


def _pts(text: str) -> np.ndarray:
    """300W's points; MATLAB counts from one. What cannot be parsed is one NaN point, refused when it is read."""
    inside = text.partition("{")[2].partition("}")[0].split()
    return _pairs(inside) - 1


def _lapa(text: str) -> np.ndarray:
    """LaPa: the number of points, then one a line; Deep3D's five points (eyes, nose, mouth corners) come without."""
    fields = text.split()
    if len(fields) == 10:
        return _pairs(fields)
    return _pairs(fields[1:] if fields and fields[0] == str((len(fields) - 1) // 2) else [])


def _pairs(fields: list[str]) -> np.ndarray:
    try:
        return np.array(fields, np.float32).reshape(-1, 2) if fields else np.full((1, 2), np.nan, np.float32)
    except ValueError:
        return np.full((1, 2), np.nan, np.float32)
