"""Label folders, as ``pyface3d label``, ``profile`` and whoever else writes them, as a set of faces."""

import json
import os
from functools import partial
from pathlib import Path

import torch

from pyface3d.data.archive import Archive, read_map
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.mat import BASEL
from pyface3d.data.parts import FoundSet
from pyface3d.data.pictures import Pictures
from pyface3d.data.resizing import resized
from pyface3d.data.sample import Sample
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import read_text

TABLES = ("params", "landmarks", "yaw", "box")
VISIBLE = "visible"
KEPT = ("landmark_weights", "confidence", "attributes")  # kept where samples have them
OPTIONAL = (VISIBLE, *KEPT)  # tables that a folder may lack: all seen
TEST = "test"  # the part of labels that were made of a set for testing
TABLE, CROPS, MAPS, REPORT = "labels.npz", "crops.zip", "maps.zip", "report.json"


class LabeledFaces(FaceDataset):
    """What :func:`label_faces` and other commands wrote as a label folder, as a dataset of samples.

    Args:
        folder: that folder.
        size: side of the crops; None: as they were written.

    Raises:
        ValueError: the folder lacks ``labels.npz`` or ``crops.zip``.
    """

    def __init__(self, folder: str | os.PathLike, size: int | None = None):
        folder = Path(folder)
        missing = [name for name in (TABLE, CROPS) if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"LabeledFaces: {folder} lacks {', '.join(missing)}; make it with label_faces")
        tables = read_npz(folder / TABLE, "LabeledFaces")
        absent = [key for key in ("names", *TABLES) if key not in tables]
        if absent or any(len(tables[key]) != len(tables["names"]) for key in TABLES):
            raise ValueError(f"LabeledFaces: {folder / TABLE} lacks {', '.join(absent) or 'rows'}; write it again")
        super().__init__([str(name) for name in tables["names"]])
        self.tables = {key: torch.from_numpy(tables[key]) for key in (*TABLES, *OPTIONAL) if key in tables}
        self.crops = Pictures(folder / CROPS)
        self.maps = Archive(folder / MAPS) if (folder / MAPS).is_file() else None
        about = _about(folder / REPORT)
        self.title, self.size, self.flip = folder.name, size, about.get("flip", "face3d")
        self.face_model, self.landmark_set = about.get("model_hash", BASEL), about.get("landmark_set", "300w-lp")

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """A folder with ``labels.npz`` and ``crops.zip``."""
        if not {TABLE, CROPS} <= set(archive.names) or not archive.path.is_dir():
            return []
        make = partial(cls, archive.path)
        test = _about(archive.path / REPORT).get("part") == TEST  # whatever the folder is called
        return [FoundSet("label folder", make, (TABLE, CROPS, REPORT), test)]

    def load(self, index: int) -> Sample:
        """Reads one face."""
        name = self.names[index]
        landmarks = self.tables["landmarks"][index]
        sample = Sample(
            image=self.crops.read(f"{name}.png"),
            params=self.tables["params"][index],
            landmarks=landmarks,
            visible=self.tables[VISIBLE][index] if VISIBLE in self.tables else torch.ones(len(landmarks)).bool(),
            yaw=float(self.tables["yaw"][index]),
            box=self.tables["box"][index],
            name=name,
        )
        for key in KEPT:
            if key in self.tables:
                sample[key] = self.tables[key][index]  # type: ignore[literal-required]
        if self.maps is not None:
            sample["position_map"] = torch.from_numpy(read_map(self.maps, name))
        return sample if self.size is None else resized(sample, self.size, self.flip)


def _about(path: Path) -> dict[str, str]:
    """What ``report.json`` says of the labels; nothing where it is missing."""
    if not path.is_file():
        return {}
    with reading(path, "LabeledFaces"):
        content = json.loads(read_text(path))
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
    return {key: str(content[key]) for key in ("flip", "model_hash", "landmark_set", "part") if key in content}
