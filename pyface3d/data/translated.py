"""Labels of one face model as those of another: matched by landmarks, solved in closed form, kept in a file."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyface3d.atomic import atomic_write
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.data.carried import carry_labels
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.mat import MatFaces
from pyface3d.data.pictures import UnreadableError
from pyface3d.data.sample import Sample
from pyface3d.fitting import Correspondence, fit_landmarks
from pyface3d.foreign.arrays import read_npz
from pyface3d.landmarks import box_size
from pyface3d.morphable import MorphableModel

NOISE, TURNS = 0.005, 20  # of the fit: labels are exact, the other model's landmarks are near
MOST = 0.05  # of the face's size: beyond it the faces are not the same
ALIKE = 0.1  # so far are 300W-LP's marked points from those of its parameters: 3 to 6 % on the samples
TRIED = 16  # samples that show whether a set's labels are those of a model
PATIENCE = 7200.0  # seconds that a process waits for the one that translates


class Translated(FaceDataset):
    """A set whose parameters are those of another face model than its labels belong to.

    Pose, identity and expression of ``model`` are fitted to the 68 landmarks of each label (a closed-form pose by turns
    with the normal equations of the coefficients, a batch at a time: :func:`pyface3d.fitting.fit_landmarks`). With the
    labels' own model these are the landmarks of the parameters; without it those of the file, which 300W-LP has from
    people, 3 to 6 % of the face off its parameters. Position maps are left out, for they are charts of the other model.

    Args:
        faces: the set, with 68 landmarks.
        model: the face model wanted.
        space: layout, crop and, in its mean and std, the prior of the parameters.
        cache: folder that keeps the result, in a file named after what the labels are and the model; None: nothing is
            kept.
        wait: another process writes that file; wait for it.
        labels_model: the face model that the labels belong to, where it is at hand.
        correspondence: from the labels' model to ``model``: then no landmarks are fitted, its affine map is used.

    Attributes:
        residual: (N,) mean distance of the fitted landmarks to the label's, or of the surfaces by a correspondence, as
            a share of the face's size; NaN where a sample could not be read.

    Raises:
        ValueError: no sample of the set can be translated.

    Example:
        >>> faces = Translated(MatFaces("300W_LP.zip"), MorphableModel.default(), space)  # doctest: +SKIP
        >>> print(faces.summary())  # doctest: +SKIP
        300W_LP: labels of bfm2009 translated to ict_face, landmarks 0.62 % of the face's size off (95 %: 0.94 %)
    """

    def __init__(
        self,
        faces: FaceDataset,
        model: MorphableModel,
        space: ParameterSpace,
        cache: str | os.PathLike | None = None,
        wait: bool = False,
        labels_model: MorphableModel | None = None,
        correspondence: Correspondence | None = None,
    ):
        super().__init__(faces.names)
        self.labels = None if labels_model is None else OwnLandmarks(faces, labels_model)
        self.faces, self.model_name, self.title = faces, model.name, faces.title
        self.face_model, self.landmark_set = model.hash(), faces.landmark_set
        stamp = _stamp(faces, model, space, labels_model, correspondence)
        self.measured = "landmarks" if correspondence is None else "surfaces"
        file = None if cache is None else Path(cache) / f"translated-{stamp[:16]}.npz"
        found = None if file is None else _read(file, stamp, wait)
        if found is None:
            given = self.labels or faces
            way = correspondence
            found = _translate(given, model, space) if way is None else carry_labels(given, model, space, way)
            if file is not None:
                _write(file, stamp, found)
        self.params, self.residual = found["params"], found["residual"]
        if not bool((self.residual <= MOST).any()):
            raise ValueError(f"{self.title}: no label can be translated to {model.name}; wanted are 68 landmarks")

    def load(self, index: int) -> Sample:
        """The sample with the other model's parameters."""
        residual = float(self.residual[index])
        if not residual <= MOST:
            raise UnreadableError(f"label out of range (translated landmarks are {residual:.0%} of the face off)")
        sample = (self.labels or self.faces).load(index)
        kept = {key: value for key, value in sample.items() if key != "position_map"}
        return Sample(**{**kept, "params": self.params[index]})  # type: ignore[typeddict-item]

    def summary(self) -> str:
        """What was translated, and how exactly."""
        good = self.residual[self.residual <= MOST]
        mean, most = 100 * float(good.mean()), 100 * float(good.quantile(0.95))
        text = f"{self.title}: labels of {self.faces.face_model[:12]} translated to {self.model_name}, "
        text += f"{self.measured} {mean:.2f} % of the face's size off (95 %: {most:.2f} %)"
        return text + (f"; {len(self) - len(good)} of {len(self)} left out" if len(good) < len(self) else "")


class OwnLandmarks(FaceDataset):
    """A set whose landmarks are those of its parameters, not those of its files.

    Args:
        faces: the set.
        model: the face model of its parameters.

    Raises:
        ValueError: the parameters are not those of the model.
    """

    def __init__(self, faces: FaceDataset, model: MorphableModel):
        super().__init__(faces.names)
        self.faces, self.model, self.title = faces, model, faces.title
        own = getattr(faces, "space", None)
        size, flip = (120, "face3d") if own is None else (own.size, own.flip)
        self.space = ParameterSpace.of_model(model, size=size, flip=flip)
        if isinstance(faces, MatFaces):
            faces.space = self.space
        if not belongs(faces, model, self.space):
            raise ValueError(
                f"{self.title}: its labels are not those of {model.name}; name the model that they belong to"
            )

    def load(self, index: int) -> Sample:
        """The sample with the landmarks (68, 3) of its parameters."""
        sample = self.faces.load(index)
        pose, coeffs = self.space.split(sample["params"][None])
        points = flip_y(self.model.landmarks68(coeffs, pose), self.space.size, self.space.flip)[0]
        changed = {"landmarks": points, "visible": torch.ones(68, dtype=torch.bool)}
        return Sample(**{**sample, **changed})  # type: ignore[typeddict-item]


def belongs(faces: FaceDataset, model: MorphableModel, space: ParameterSpace) -> bool:
    """Whether a set's parameters are those of ``model``: by their hash or, where it is not known, by their landmarks.

    Args:
        faces: a set with parameters and 68 landmarks.
        model: the face model in question.
        space: layout and crop of the parameters.
    """
    if faces.face_model == model.hash() or {faces.face_model, model.hash()} <= _embedded():
        return True
    if len(faces.face_model) == 64 or model.landmarks is None:  # the hash of another one
        return False
    errors = []
    for index in range(len(faces)):
        try:
            sample = faces.load(index)
        except UnreadableError:
            continue
        if sample["params"].shape != (space.n_params,) or len(sample["landmarks"]) != 68:
            return False
        pose, coeffs = space.split(sample["params"][None])
        points = flip_y(model.landmarks68(coeffs, pose), space.size, space.flip)[..., :2]
        target = sample["landmarks"][None, :, :2]
        errors.append(float((points - target).norm(dim=2).mean() / box_size(target)[0]))
        if len(errors) == TRIED:
            break
    return bool(errors) and float(np.median(errors)) <= ALIKE


def _embedded() -> set[str]:
    """Hashes of the embedded face and head, which share their coefficients."""
    return {MorphableModel.default(parts).hash() for parts in ("face", "head")}


def _translate(faces: FaceDataset, model: MorphableModel, space: ParameterSpace) -> dict[str, Tensor]:
    points = torch.full((len(faces), 68, 2), torch.nan)
    for index in range(len(faces)):
        try:
            landmarks = faces.load(index)["landmarks"]
        except UnreadableError:
            continue
        if len(landmarks) in (68, 81):
            points[index] = landmarks[:68, :2]
    fit = fit_landmarks(points, model, space, noise=NOISE, iterations=TURNS)
    return {"params": fit.params.float(), "residual": (fit.error / box_size(points)).float()}


def _stamp(
    faces: FaceDataset,
    model: MorphableModel,
    space: ParameterSpace,
    labels_model: MorphableModel | None,
    way: Correspondence | None,
) -> str:
    """SHA-256 (hex) of everything that the result depends on."""
    told: Any = [type(faces).__name__, faces.names, _content(faces), model.hash(), space.size, space.flip]
    told += [space.mean.tolist(), space.std.tolist(), NOISE, TURNS]
    told += [] if labels_model is None else [labels_model.hash()]
    told += [] if way is None else [way.source, way.target, way.matrix.tolist(), way.offset.tolist()]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _content(faces: FaceDataset) -> Any:
    """What the labels of a set are, without reading all its files."""
    archive, tables = getattr(faces, "archive", None), getattr(faces, "tables", {})
    kept = [
        hashlib.sha256(tables[key].numpy().tobytes()).hexdigest() for key in ("params", "landmarks") if key in tables
    ]
    return [None if archive is None else archive.fingerprint(), *kept]


def cache_folder(data: str | os.PathLike) -> Path:
    """Where translated labels of a set are kept: beside it, or where that is read-only in a folder of the user's.

    ``PYFACE3D_CACHE`` names another folder for all of them.

    Example:
        >>> cache_folder("sets/300W_LP.zip").name
        '.pyface3d'
    """
    named = os.environ.get("PYFACE3D_CACHE")
    if named:
        return Path(named)
    beside = Path(data).absolute().parent
    if os.access(beside, os.W_OK) and beside.stat().st_mode & 0o222:  # root may write where nobody is meant to
        return beside / ".pyface3d"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyface3d"


def _read(path: Path, stamp: str, wait: bool) -> dict[str, Tensor] | None:
    start = time.monotonic()
    while True:
        if path.is_file():
            tables = read_npz(path, "Translated")
            if str(tables.get("stamp")) == stamp:
                return {key: torch.from_numpy(tables[key]) for key in ("params", "residual")}
        if not wait or time.monotonic() - start > PATIENCE:
            return None
        time.sleep(0.5)


def _write(path: Path, stamp: str, found: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        np.savez(stream, stamp=np.array(stamp), params=found["params"].numpy(), residual=found["residual"].numpy())
