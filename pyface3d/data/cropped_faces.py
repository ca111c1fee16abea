"""Ready-made crops: AFLW-style tables of points beside a zip of 120 x 120 pictures, and 3DDFA's training list."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pyface3d.camera import ParameterSpace, image_to_crop
from pyface3d.data.archive import Archive
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.mat import BASEL
from pyface3d.data.parts import FoundSet, is_test
from pyface3d.data.pictures import Pictures, UnreadableError
from pyface3d.data.resizing import resized
from pyface3d.data.sample import Sample
from pyface3d.data.schemes import convert_landmarks
from pyface3d.foreign.arrays import read_npy, read_npz
from pyface3d.foreign.pickles import as_array, load_pickle
from pyface3d.foreign.regular import read_text

SETS = {68: "300w-lp", 21: "aflw21"}
POINT_TABLES = ("pts68", "pts21", "pts68_reannotated")
YAW_TABLES = ("yaw", "yaw_fitted", "yaw_label")


class CroppedFaces(FaceDataset):
    """Crops with landmarks in the original image: AFLW with its 21 points, AFLW2000-3D with 68.

    For training: one set of points, in the scheme that is wanted. :class:`pyface3d.evaluation.LandmarkBenchmark` reads
    the same files for the protocols, with all the label sets of a benchmark, as published.

    Args:
        table: an ``.npz`` with ``names`` (N,), points ``pts68`` (N, 2 or 3, 68) or ``pts21`` (N, 2, 21) in pixels of
            the original image, where negative coordinates mean not visible, ``roi_box`` (N, 4) and a yaw in degrees.
        images: folder or zip of the crops, ``<name>.jpg``.
        points: which table of points; default: the first there is.
        landmarks: number of points wanted; None keeps the table's.
        params: name of a table (N, P) of un-whitened parameters in the frame of the crop, or None.
        size: side of the crops; None: as they are.

    Raises:
        ValueError: the tables are not there or do not fit together.

    Example:
        >>> faces = CroppedFaces("aflw/train.npz", "aflw/train_crops120.zip")  # doctest: +SKIP
        >>> faces[0]["landmarks"].shape  # doctest: +SKIP
        torch.Size([21, 2])
    """

    def __init__(
        self,
        table: str | os.PathLike,
        images: str | os.PathLike,
        points: str | None = None,
        landmarks: int | None = None,
        params: str | None = None,
        size: int | None = None,
    ):
        tables = read_npz(table, "CroppedFaces")
        wanted = points or next((name for name in POINT_TABLES if name in tables), POINT_TABLES[0])
        yaws = next((name for name in YAW_TABLES if name in tables), None)
        missing = [n for n in ("names", "roi_box", wanted, *([params] if params else [])) if n not in tables]
        if missing:
            raise ValueError(f"CroppedFaces: {table} lacks {', '.join(missing)}; it has {', '.join(tables)}")
        super().__init__([str(name) for name in tables["names"]])
        self.points = tables[wanted].astype(np.float32).transpose(0, 2, 1)  # (N, L, 2 or 3)
        self.boxes = torch.from_numpy(tables["roi_box"].astype(np.float32))
        self.yaws = None if yaws is None else tables[yaws].astype(np.float32)
        self.params = None if params is None else torch.from_numpy(tables[params].astype(np.float32))
        if not len(self.points) == len(self.boxes) == len(self.names):
            raise ValueError(f"CroppedFaces: the tables of {table} differ in length")
        self.pictures, self.landmarks, self.size = Pictures(images), landmarks, size
        self.title = f"{Path(table).parent.name}/{Path(table).name}"
        self.landmark_set = SETS.get(landmarks or self.points.shape[1], "")

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """Tables ``<name>.npz`` with their crops in ``<name>_crops*`` beside them."""
        found = []
        for table in sorted(archive.path.glob("*.npz")) if archive.path.is_dir() else ():
            for crops in sorted(archive.path.glob(f"{table.stem}_crops*")):
                test = is_test(table.name) or is_test(archive.path.name)
                make = partial(cls, table, crops)
                found.append(FoundSet(f"crops with points, {table.stem}", make, (table.name, crops.name), test))
        return found

    def load(self, index: int) -> Sample:
        """Reads one crop."""
        name = self.names[index]
        image = self.pictures.read(name)
        points = self.points[index]
        visible = np.isfinite(points).all(axis=1) & (points[:, :2] >= 0).all(axis=1)
        box = self.boxes[index]
        if not bool((box[2:] > box[:2]).all()):
            raise UnreadableError("label out of range (an empty box)")
        inside = image_to_crop(torch.from_numpy(points)[None], box[None], image.shape[1])[0].numpy()
        inside[~visible] = 0
        inside, visible = convert_landmarks(inside, visible, self.landmarks)
        sample = Sample(image=image, landmarks=torch.from_numpy(inside), visible=torch.from_numpy(visible))
        if self.yaws is not None:
            sample["yaw"] = float(self.yaws[index])
        if self.params is not None:
            sample["params"] = self.params[index]
        sample |= {"box": box, "name": name}
        return sample if self.size is None else resized(sample, self.size)


class TrainAug(FaceDataset):
    """3DDFA's ``train_aug_120x120``: a list of crops and a pickle of their whitened parameters.

    The pickle is read by an unpickler that builds arrays and nothing else.

    Args:
        images: folder or zip of the crops.
        names: the list, ``train_aug_120x120.list.train``: one file name a line.
        params: ``param_all_norm.pkl`` (N, P), or an ``.npy``.
        space: the whitening of those parameters; un-whitened ones are yielded.
        position: where a name's row lies, if the list is only a part of the rows: (n,) ids.

    Raises:
        ValueError: the lengths differ, or the pickle holds anything but one array.
    """

    def __init__(
        self,
        images: str | os.PathLike,
        names: str | os.PathLike,
        params: str | os.PathLike,
        space: ParameterSpace,
        position: np.ndarray | None = None,
    ):
        lines = read_text(names).split()
        stored = Path(params)
        rows = read_npy(stored, "TrainingCrops") if stored.suffix == ".npy" else as_array(load_pickle(stored))
        rows = rows if position is None else rows[position]
        if rows.shape != (len(lines), space.n_params):
            raise ValueError(f"TrainAug: params must be ({len(lines)}, {space.n_params}), got {rows.shape}")
        super().__init__(lines)
        self.face_model = BASEL
        self.params, self.space, self.pictures = torch.from_numpy(np.asarray(rows, np.float32)), space, Pictures(images)

    def load(self, index: int) -> Sample:
        """Reads one crop."""
        name = self.names[index]
        params = self.space.unwhiten(self.params[index])
        if not bool(params.isfinite().all()):
            raise UnreadableError("label out of range (NaN or infinity)")
        image = self.pictures.read(name)
        if image.shape[1:] != (self.space.size, self.space.size):
            found = " x ".join(map(str, image.shape[1:]))
            raise UnreadableError(f"unreadable image (its size is {found}, wanted {self.space.size})")
        return Sample(image=image, params=params, name=name)
