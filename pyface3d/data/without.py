"""Samples that a training leaves out by name."""

import json
import os
from collections.abc import Collection

from pyface3d.data.dataset import FaceDataset
from pyface3d.data.sample import Sample
from pyface3d.foreign.regular import read_text


class Without(FaceDataset):
    """A set less the samples of some names.

    Args:
        faces: the set.
        names: of samples to leave out; those that the set does not have change nothing.

    Example:
        >>> apart = Without(faces, read_names("twins.json"))  # doctest: +SKIP
    """

    def __init__(self, faces: FaceDataset, names: Collection[str]):
        self.faces, self.rows = faces, [i for i, name in enumerate(faces.names) if name not in names]
        self.title, self.face_model, self.landmark_set = faces.title, faces.face_model, faces.landmark_set
        super().__init__([faces.names[i] for i in self.rows])

    def load(self, index: int) -> Sample:
        """Reads one of the samples that are left."""
        return self.faces.load(self.rows[index])


def read_names(path: str | os.PathLike[str]) -> set[str]:
    """Names of samples: a JSON list, a JSON object of lists, or a text file with one on each line.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is a JSON file of something else.

    Example:
        >>> read_names("scripts/aflw_twins.json")  # doctest: +SKIP
    """
    text = read_text(path)
    if not str(path).endswith(".json"):
        return {line.strip() for line in text.splitlines() if line.strip()}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    lists = list(found.values()) if isinstance(found, dict) else [found]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise ValueError(f"read_names: {path} must hold a list of names, or an object of such lists")
    return {name for names in lists for name in names}
