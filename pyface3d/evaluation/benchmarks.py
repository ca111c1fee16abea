"""Benchmark crops with their landmark labels: AFLW2000-3D and AFLW, as 3DDFA released them or packed in one npz."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyface3d.camera import image_to_crop
from pyface3d.data import FaceDataset, Pictures, Sample
from pyface3d.data.mat import BASEL
from pyface3d.foreign.arrays import read_npy, read_npz
from pyface3d.foreign.regular import read_text

# sample key -> names of its array in an npz, and of its file in 3DDFA's test.configs for AFLW2000-3D and AFLW
_NPZ = {
    "landmarks": ("pts68", "pts21"),
    "reannotated": ("pts68_reannotated",),
    "frame68": ("frame68",),
    "yaw": ("yaw_fitted", "yaw"),
    "yaw_label": ("yaw_label",),
    "angles": ("angles",),
    "box": ("roi_box",),
}
_TDDFA = {
    "AFLW2000-3D_crop": {
        "landmarks": "AFLW2000-3D.pts68.npy",
        "reannotated": "AFLW2000-3D-Reannotated.pts68.npy",
        "yaw": "AFLW2000-3D.pose.npy",
        "yaw_label": "AFLW2000-3D-new.pose.npy",
        "box": "AFLW2000-3D_crop.roi_box.npy",
    },
    "AFLW_GT_crop": {
        "landmarks": "AFLW_GT_pts21.npy",
        "frame68": "AFLW_GT_pts68.npy",
        "yaw": "AFLW_GT_crop_yaws.npy",
        "box": "AFLW_GT_crop_roi_box.npy",
    },
}
_POINTS = ("landmarks", "reannotated", "frame68")


class LandmarkBenchmark(FaceDataset):
    """Crops with all the labels that a benchmark gives them; for training see :class:`pyface3d.data.CroppedFaces`.

    A sample holds ``image``; ``landmarks`` (68, 3), (68, 2) or (21, 2) float32 in pixels of the crop; ``visible``
    (L,) bool; ``box`` (4,) of the crop in the original image; ``yaw`` degrees; ``name``; ``number``; and where the
    files give them ``reannotated`` (68, 2), ``yaw_label``, ``angles`` (3,) degrees, and ``frame68`` (68, 2), the
    fitted points that AFLW's normalizer is taken from.

    Args:
        labels: arrays by sample key, points as (M, L, 2|3) in pixels of the original image.
        names: (M,) file names of the crops, without or with suffix.
        images: folder or zip of the crops.

    Raises:
        ValueError: if arrays disagree in length.
        FileNotFoundError: if there are no crops at ``images``.
    """

    face_model = BASEL

    def __init__(self, labels: dict[str, np.ndarray], names: list[str], images: Path) -> None:
        wrong = {key: len(array) for key, array in labels.items() if len(array) != len(names)}
        if wrong:
            raise ValueError(f"LandmarkBenchmark: {len(names)} names but arrays of {wrong}")
        super().__init__(names)
        self.labels, self.pictures = labels, Pictures(images)

    def load(self, index: int) -> Sample:
        """Reads one crop."""
        name = self.names[index]
        image = self.pictures.read(name)
        box = torch.as_tensor(self.labels["box"][index], dtype=torch.float32)
        sample: dict[str, Any] = {"image": image, "box": box, "name": name, "number": index}
        for key in self.labels.keys() - {"box"}:
            value = torch.as_tensor(self.labels[key][index], dtype=torch.float32)
            sample[key] = image_to_crop(value[None], box[None], image.shape[-1])[0] if key in _POINTS else value
        points = self.labels["landmarks"][index]
        hidden = (points < 0).any(-1) if len(points) == 21 else np.zeros(len(points), bool)  # AFLW writes -1
        return sample | {"visible": torch.from_numpy(~hidden)}  # type: ignore[return-value]


def open_benchmark(path: str | Path, points: int = 68) -> LandmarkBenchmark:
    """Opens benchmark crops by what lies at ``path``.

    * 3DDFA's release: a folder with ``test.configs`` and ``test.data``;
    * an npz of labels (``names``, ``pts68`` or ``pts21``, ``roi_box``, ``yaw``...) with ``<stem>_crops120.zip`` or a
      folder of that name beside it, or the folder of such an npz.

    Args:
        path: file or folder.
        points: 68 for AFLW2000-3D, 21 for AFLW: which of several label sets to take.

    Raises:
        FileNotFoundError: if nothing there is a benchmark with that many points.
    """
    path = Path(path)
    if (path / "test.configs").is_dir():
        return _open_tddfa(path, "AFLW2000-3D_crop" if points == 68 else "AFLW_GT_crop")
    candidates = (
        [path]
        if path.suffix == ".npz"
        else sorted(path.glob("*.npz"), key=lambda file: (file.stem == "train", file.name))
    )
    for file in candidates:
        benchmark = _open_npz(file, points)
        if benchmark is not None:
            return benchmark
    raise FileNotFoundError(
        f"open_benchmark: no labels of {points} points (test.configs or an npz with names and roi_box) at {path}"
    )


def _open_npz(file: Path, points: int) -> LandmarkBenchmark | None:
    table = read_npz(file, "open_benchmark")
    wanted = {**_NPZ, "landmarks": ("pts68",) if points == 68 else ("pts21",)}
    found = {key: next((name for name in names if name in table), None) for key, names in wanted.items()}
    if found["landmarks"] is None or found["box"] is None or "names" not in table:
        return None
    labels = {key: table[name] for key, name in found.items() if name is not None}
    names = [str(name) for name in table["names"]]
    return _benchmark(labels, names, file.with_name(f"{file.stem}_crops120"))


def _open_tddfa(root: Path, name: str) -> LandmarkBenchmark:
    configs, images = root / "test.configs", root / "test.data" / name
    files = {key: configs / file for key, file in _TDDFA[name].items()}
    labels = {key: read_npy(file, "open_benchmark") for key, file in files.items() if file.exists()}
    names = read_text(configs / f"{name}.list").split()
    return _benchmark(labels, names, images)


def _benchmark(labels: dict[str, np.ndarray], names: list[str], images: Path) -> LandmarkBenchmark:
    labels = {key: array.transpose(0, 2, 1) if key in _POINTS else array for key, array in labels.items()}
    return LandmarkBenchmark(labels, names, images if images.is_dir() else images.with_suffix(".zip"))
