"""Training data by name: rendered portraits, or the sets of a folder, with labels of the method's face model."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from pyface3d.camera import ParameterSpace
from pyface3d.data import FaceDataset, LabeledFaces, Pool, Without, open_sets
from pyface3d.data.archive import read_map
from pyface3d.data.mat import MatFaces
from pyface3d.data.synthetic import SyntheticFaces, portrait_count, prior_space
from pyface3d.data.translated import Translated, belongs, cache_folder
from pyface3d.fitting import Correspondence
from pyface3d.methods import Method
from pyface3d.morphable import MorphableModel

EPOCH = 65_536  # portraits that an epoch counts when nothing else is said


def open_source(
    name: str,
    method: Method,
    seed: int = 0,
    *,
    pool: str | os.PathLike | None = None,
    cache: str | os.PathLike | None = None,
    tests: bool = False,
    labels_model: MorphableModel | None = None,
    correspondence: Correspondence | None = None,
    leave_out: Collection[str] = (),
    device: str | torch.device | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Dataset]:
    """The sets that a name stands for, in the crop size of a method and with labels of its face model.

    Parameters of another face model are translated (:class:`pyface3d.data.translated.Translated`); that takes 68
    landmarks a sample. Sets without parameters stay as they are.

    Args:
        name: ``synthetic`` or ``synthetic:COUNT`` for rendered portraits of the embedded head, else the path of a
            folder, a zip or one file of a set, recognized as :func:`pyface3d.data.check` does.
        method: what is to be trained.
        seed: of the portraits.
        pool: folder in which decoded samples are kept, each set in its own folder; None: they are not.
        cache: folder in which translated labels are kept; None: beside the data
            (:func:`pyface3d.data.translated.cache_folder`).
        tests: also take sets that are for testing.
        labels_model: the face model that translated labels belong to: the landmarks of their parameters are then
            translated, not those of the files.
        correspondence: from that model to the method's: labels are translated by it, not by landmarks.
        leave_out: names of samples that are not taken, such as photos that a test set has, too.
        device: where portraits are rendered that no pool keeps; None: on the CPU.
        tell: is told what was translated, and how exactly.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the folder holds no set that is known, sets for testing alone, or labels that cannot be translated;
            or the count is not a number.

    Example:
        >>> open_source("synthetic:1000", pyface3d.create_method("mobile_frnet"))  # doctest: +SKIP
    """
    size = method.images.size
    count = portrait_count(name, "open_source")
    if count is not None:
        faces = SyntheticFaces(size=size, seed=seed, length=count or EPOCH, device=device if pool is None else None)
        return [faces if pool is None else _pooled(pool, f"synthetic-{size}-{seed}", faces)]
    sets = open_sets(Path(name), size, tests=tests)
    if not sets:
        raise ValueError(f"open_source: {name} holds no set that is known; `pyface3d data check` says what is there")
    chosen: list[Dataset] = []
    for title, found in sets.items():
        _leave_out_maps(found, method)
        kept = cache_folder(name) if cache is None else Path(cache)
        own = _of_model(found, method, kept, labels_model, tell, correspondence)
        key = f"{Path(name).resolve().name}-{title}-{size}-{own.face_model[:8]}"
        if leave_out:
            own = _without(own, leave_out, tell)
            key += f"-{len(own)}"
        chosen.append(own if pool is None else _pooled(pool, key, own))
    return chosen


def _leave_out_maps(faces: FaceDataset, method: Method) -> None:
    """Maps that a method does not learn from are not read: of another side, of another face, or of none at all."""
    if not isinstance(faces, LabeledFaces) or faces.maps is None:
        return
    side = read_map(faces.maps, faces.names[0]).shape[-1]
    if method.atlas is None or side != method.atlas.size or faces.face_model != method.model.hash():
        faces.maps = None


def _of_model(
    faces: FaceDataset,
    method: Method,
    cache: Path,
    labels_model: MorphableModel | None,
    tell: Callable[[str], None],
    correspondence: Correspondence | None,
) -> FaceDataset:
    """The set with parameters of the method's face model, where it has parameters that the method learns from."""
    if not faces.face_model or (method.space is None and method.atlas is None):
        return faces
    model, space = method.model, label_space(method)
    if isinstance(faces, MatFaces):  # cut as many coefficients as the model has: it may be the Basel face
        faces.space = _fitting(faces.space, space)
    if belongs(faces, model, space):
        faces.face_model = model.hash()
        return faces
    follows = int(os.environ.get("RANK", 0)) > 0
    prior = method.space or prior_space(model, space.size, space.flip)
    translated = Translated(faces, model, prior, cache, follows, labels_model, correspondence)
    tell(translated.summary())
    return translated


def _without(faces: FaceDataset, names: Collection[str], tell: Callable[[str], None]) -> FaceDataset:
    less = Without(faces, names)
    tell(f"{faces.title}: {len(faces) - len(less)} of {len(faces)} samples left out by name")
    return less


def label_space(method: Method) -> ParameterSpace:
    """Layout and frame of labeled parameters in the crops of a method."""
    model, size = method.model, method.images.size
    flip = "face3d" if method.space is None else method.space.flip
    return ParameterSpace.of_model(model, size=size, flip=flip)


def _fitting(own: ParameterSpace, wanted: ParameterSpace) -> ParameterSpace:
    fits = wanted.n_identity <= 199 and wanted.n_expression <= 29
    sizes = (wanted.n_identity, wanted.n_expression) if fits else (own.n_identity, own.n_expression)
    return ParameterSpace(n_identity=sizes[0], n_expression=sizes[1], size=own.size, flip=wanted.flip)


def _pooled(folder: str | os.PathLike, name: str, faces: Any) -> Pool:
    """A set's pool, filled; of several processes each fills its part and waits for the others' when it needs them."""
    kept = Pool(Path(folder) / _plain(name), faces)
    kept.fill(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    return kept


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in name)
