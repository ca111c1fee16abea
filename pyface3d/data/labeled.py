"""Labels for training from what the data sets ship: the conversion behind ``pyface3d label``."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from pyface3d.atlas.regions import landmark_points
from pyface3d.atomic import atomic_write, write_whole
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.data.dataset import Report
from pyface3d.data.label_folder import CROPS, KEPT, MAPS, OPTIONAL, REPORT, TABLE, TABLES, TEST, VISIBLE
from pyface3d.data.mat import MatFaces
from pyface3d.data.pictures import UnreadableError
from pyface3d.data.sample import Sample
from pyface3d.morphable.landmark_sets import DEFAULT, LandmarkBasis

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel

MOST_ERROR = 0.1  # of the face's size: beyond it, model and label do not belong together


def iterate_labels(
    faces: MatFaces, report: Report, most_error: float = MOST_ERROR, progress: Callable[[int, int], None] | None = None
) -> Iterator[Sample]:
    """Labels of one face after the other; nothing is kept in memory.

    ``landmarks`` are the model's own, decoded from the parameters, where ``faces`` has a model: 81 of a mesh, 68 of
    3DDFA's keypoint basis. Without a model they are those of the file.

    Args:
        faces: the images and ``.mat`` files, with model and atlas as wanted.
        report: collects what is refused, and why.
        most_error: largest mean distance between the model's landmarks and the file's, as a share of sqrt(width *
            height) of the face.
        progress: called with the number done and the number of all after each file.

    Yields:
        Samples.
    """
    report.total += len(faces)
    points = _landmarks_of(faces.model)
    for index, name in enumerate(faces.names):
        try:
            sample = faces.load(index)
            if points is not None:
                _take_landmarks_of_model(faces, sample, points, most_error)
            yield sample
        except UnreadableError as error:
            report.refused[name] = str(error)
        if progress is not None:
            progress(index + 1, len(faces))


def _landmarks_of(model: "MorphableModel | None") -> LandmarkBasis | None:
    if model is None or DEFAULT not in model.landmark_sets:
        return None
    return LandmarkBasis(landmark_points(model), model.mean, model.basis)


def _take_landmarks_of_model(faces: MatFaces, sample: Sample, points: LandmarkBasis, most_error: float) -> None:
    model, space = faces.model, faces.space
    assert model is not None
    pose, coeffs = space.split(sample["params"][None])
    decoded = flip_y(model.landmark_points(coeffs, pose, points), space.size, space.flip)[0]
    given = sample["landmarks"]
    extent = (given[:, :2].amax(0) - given[:, :2].amin(0)).prod().sqrt()
    error = float((decoded[:68, :2] - given[:, :2]).norm(dim=1).nanmean() / extent)
    if not error <= most_error:
        raise UnreadableError(f"label out of range (the model's landmarks are {error:.0%} of the face off the file's)")
    sample["landmarks"] = decoded
    sample["visible"] = decoded.isfinite().all(1)


def label_faces(
    source: str | os.PathLike,
    out: str | os.PathLike,
    model: "MorphableModel | None" = None,
    atlas: "UVAtlas | None" = None,
    space: ParameterSpace | None = None,
    *,
    framing: str = "3ddfa",
    most_error: float = MOST_ERROR,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Converts 300W-LP's or AFLW2000-3D's files to crops, parameters in the frame of the crop, landmarks and maps.

    Writes into the folder ``out``: ``labels.npz`` (``names``, ``params`` (N, P), ``landmarks`` (N, 68 or 81, 2 or 3),
    ``yaw``, ``box``), ``crops.zip`` (PNG), with an atlas ``maps.zip`` (float32 ``.npy``, (3, U, V)), and
    ``report.json`` with everything refused and why. Each file appears whole, at the end, or not at all;
    :class:`pyface3d.data.LabeledFaces` reads them.

    Args:
        source: folder or zip of images with ``.mat`` files.
        out: folder to write to; made where it is missing.
        model: the face model of the labels (the Basel face, or 3DDFA's 68-point basis); None: landmarks as they are.
        atlas: its atlas, for position maps.
        space: layout, size and frame of the parameters; default: the model's numbers of coefficients (40 + 10
            without one), 120 pixels, or the atlas' size.
        framing: "3ddfa" or "prnet".
        most_error: see :func:`iterate_labels`.
        progress: called with the number done and the number of all.

    Returns:
        What was refused.

    Raises:
        ValueError: no pairs of image and ``.mat``, or the model's coefficients are not those of ``space``.
        OSError: ``out`` cannot be written.

    Example:
        >>> report = label_faces("AFLW2000.zip", "labels", model)  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
        2000 samples, 1 refused: 1 label out of range (image04157)
    """
    space = space or _default_space(model, atlas)
    if model is not None and (model.n_identity, model.n_expression) != (space.n_identity, space.n_expression):
        wanted, got = (f"{s.n_identity} + {s.n_expression}" for s in (space, model))
        raise ValueError(f"label_faces: model must have the {wanted} coefficients of space, got {got}; use truncated()")
    faces = MatFaces(source, space, model, atlas, framing)
    report = Report()
    labels = iterate_labels(faces, report, most_error, progress)
    test = any(found.test for found in MatFaces.find(faces.archive))
    write_labels(labels, out, space, report, model=model, maps=atlas is not None, test=test)
    return report


def write_labels(
    samples: Iterator[Sample],
    out: str | os.PathLike,
    space: ParameterSpace,
    report: Report,
    *,
    model: "MorphableModel | None" = None,
    maps: bool = False,
    test: bool = False,
) -> None:
    """Writes samples as a label folder, one after the other: what :class:`pyface3d.data.LabeledFaces` reads.

    Args:
        samples: each with ``name``, ``image``, ``params``, ``landmarks``, ``yaw``, ``box``, perhaps ``visible``, all or
            none with ``landmark_weights``, ``confidence`` and ``attributes``, and ``position_map`` where ``maps`` is
            set.
        out: folder; made where it is missing.
        space: layout, size and frame of ``params``.
        report: what was refused, complete when the samples are exhausted; goes into ``report.json``, which also names
            the face model of the labels and its hash.
        model: that face model, or None where the labels belong to none.
        maps: also write ``maps.zip``.
        test: the samples are of a set for testing, and so are the labels: nobody trains on them unasked.

    Raises:
        OSError: ``out`` cannot be written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list] = {key: [] for key in ("names", *TABLES, *OPTIONAL)}
    with atomic_write(folder / CROPS) as crops, zipfile.ZipFile(crops, "w") as pictures:
        if not maps:
            _write(samples, tables, pictures, None)
        else:
            with atomic_write(folder / MAPS) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as positions:
                _write(samples, tables, pictures, positions)
    dims = min((points.shape[1] for points in tables["landmarks"]), default=2)
    tables["landmarks"] = [points[:, :dims] for points in tables["landmarks"]]  # files with and without depth
    with atomic_write(folder / TABLE) as stream:
        arrays: dict[str, Any] = {key: np.array(values) for key, values in tables.items() if values or key not in KEPT}
        np.savez(stream, **arrays)
    content: dict[str, Any] = {"total": report.total, "flip": space.flip, "size": space.size}
    content |= {"part": TEST} if test else {}
    if model is not None:
        content |= {"model": model.name, "model_hash": model.hash()}
    write_whole(folder / REPORT, json.dumps(content | {"refused": report.refused}, indent=1).encode())


def _default_space(model: "MorphableModel | None", atlas: "UVAtlas | None") -> ParameterSpace:
    sizes = (40, 10) if model is None else (model.n_identity, model.n_expression)
    return ParameterSpace(n_identity=sizes[0], n_expression=sizes[1], size=120 if atlas is None else atlas.size)


def _write(
    labels: Iterator[Sample], tables: dict[str, list], pictures: zipfile.ZipFile, positions: zipfile.ZipFile | None
) -> None:
    for sample in labels:
        name = sample["name"]
        tables["names"].append(name)
        for key in TABLES:
            tables[key].append(np.asarray(sample[key], np.float32))  # type: ignore[literal-required]
        tables[VISIBLE].append(np.asarray(sample.get("visible", torch.ones(len(sample["landmarks"]))), bool))
        for key in KEPT:
            if key in sample:
                value = np.asarray(sample[key])  # type: ignore[literal-required]
                tables[key].append(value.astype(np.int8 if key == "attributes" else np.float32))
        content = io.BytesIO()
        Image.fromarray(sample["image"].permute(1, 2, 0).numpy()).save(content, "PNG")
        pictures.writestr(f"{name}.png", content.getvalue())
        if positions is not None:
            content = io.BytesIO()
            np.save(content, sample["position_map"].numpy())
            positions.writestr(f"{name}.npy", content.getvalue())
