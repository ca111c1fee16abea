"""Photos to labels: what teachers see and people marked, as parameters of a face model."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyface3d.camera import ParameterSpace, crop, flip_y, image_to_crop, pose_to_angles, roi_from_landmarks
from pyface3d.data import Report, Sample
from pyface3d.data.labeled import MOST_ERROR, write_labels
from pyface3d.data.synthetic import portrait_count, prior_space
from pyface3d.fitting import fit_landmarks
from pyface3d.images.detection import Detector, load_detector
from pyface3d.landmarks import box_size
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.conventions import find_landmarks, joined
from pyface3d.reconstructor.given_places import Places
from pyface3d.teachers.faces import (
    FaceToLabel,
    faces_of_photos,
    faces_of_portraits,
    faces_of_sets,
    sets_of,
)
from pyface3d.teachers.head_pose import HeadPose, angles_between
from pyface3d.teachers.looking import Lookers, look_at_pose
from pyface3d.teachers.teacher import Teacher

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas

MARKED = 3.0  # what a point counts that people marked, beside one of the teachers'
HALF_SPREAD, HALF_TURN = 0.03, 20.0  # a face's size, degrees: at which a label is trusted half


@dataclass
class Labeler:
    """From a face to its label: the teachers' landmarks and those of people, and a face model fitted to both.

    Attributes:
        lookers: the teachers.
        model: the face model of the labels, with the 68 landmarks.
        space: layout, crop and, in mean and std of the coefficients, the prior of the labels.
        head_pose: a second opinion on the rotation, or None.
        marked: what a point counts that people marked; a teacher's counts 1.
        atlas: adds position maps.
        least_confidence: labels that are trusted less are refused.
    """

    lookers: Lookers
    model: MorphableModel
    space: ParameterSpace
    head_pose: HeadPose | None = None
    marked: float = MARKED
    atlas: "UVAtlas | None" = None
    least_confidence: float = 0.0

    def __call__(self, face: FaceToLabel) -> Sample:
        """The label of a face.

        Raises:
            ValueError: the model comes not near the landmarks, or the label is less sure than wanted.
        """
        opinion = self.lookers(face.pixels, face.roi)
        roi = face.roi if face.crop is not None else self._around(opinion.landmarks)
        points, seen = self._points(face, opinion.landmarks)
        inside = image_to_crop(points[None], roi[None], self.space.size)
        landmarks = find_landmarks(self.model, 68)
        if face.points is not None:
            landmarks = joined(landmarks, find_landmarks(self.model, face.points_set or len(face.points)))
        fit = fit_landmarks(inside, self.model, self.space, landmarks=landmarks, visible=seen[None])
        error = float(fit.error[0] / box_size(inside[:, :68].nan_to_num(), seen[None, :68] > 0)[0])
        if not error <= MOST_ERROR:
            raise ValueError(f"label out of range (the fitted face is {error:.0%} of its size off the landmarks)")
        confidence = self._confidence(face, opinion.spread, fit.pose)
        if confidence < self.least_confidence:
            raise ValueError(f"label out of range (confidence {confidence:.2f} of {self.least_confidence:.2f})")
        image = face.crop if face.crop is not None else crop(face.pixels, roi, self.space.size)
        decoded = flip_y(self.model.landmarks68(fit.coeffs, fit.pose), self.space.size, self.space.flip)[0]
        sample = Sample(
            image=image,  # type: ignore[typeddict-item]
            params=fit.params[0],
            landmarks=decoded,
            visible=decoded.isfinite().all(1),
            landmark_weights=torch.full((68,), confidence),
            confidence=confidence,
            yaw=float(torch.rad2deg(pose_to_angles(fit.pose)[0, 1])),
            box=roi if face.box is None else face.box,
            name=face.name,
            **face.kept,  # type: ignore[typeddict-item]
        )
        if self.atlas is not None:
            sample["position_map"] = self._map(fit.coeffs, fit.pose)
        return sample

    @staticmethod
    def _around(landmarks: Tensor) -> Tensor:
        """3DDFA's square around the points that a teacher knows."""
        return roi_from_landmarks(landmarks.nan_to_num()[None], landmarks.isfinite().all(1)[None])[0].round()

    def _points(self, face: FaceToLabel, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """The teachers' points, then those of people, in the picture, and what each counts."""
        seen = landmarks.isfinite().all(1).float()
        if face.points is None or face.seen is None:
            return landmarks, seen
        return torch.cat([landmarks, face.points]), torch.cat([seen, self.marked * face.seen.float()])

    def _confidence(self, face: FaceToLabel, spread: float, pose: Tensor) -> float:
        """1 where all looks agree, less the further they are apart."""
        trust = 1 / (1 + (spread / HALF_SPREAD) ** 2)
        if self.head_pose is None:
            return trust
        rotation = pose[:, :, :3] / pose[:, :, :3].norm(dim=2, keepdim=True)
        turn = float(angles_between(look_at_pose(self.head_pose, face.pixels, face.roi)[None], rotation)[0])
        return trust / (1 + (turn / HALF_TURN) ** 2)

    def _map(self, coeffs: Tensor, pose: Tensor) -> Tensor:
        """The position map of a label; its smallest depth is zero, as PRNet's."""
        assert self.atlas is not None
        vertices = flip_y(self.model.synthesize(coeffs, pose), self.space.size, self.space.flip)
        vertices[..., 2] -= vertices[..., 2].min()
        return self.atlas.render(vertices)[0]


def label_photos(
    source: str | os.PathLike,
    out: str | os.PathLike,
    teachers: Sequence[tuple[Teacher, float]],
    *,
    model: MorphableModel | None = None,
    views: int = 7,
    places: Mapping[str, Places] | None = None,
    marked: float = MARKED,
    head_pose: HeadPose | None = None,
    detector: str | Detector = "yunet",
    size: int = 120,
    atlas: "UVAtlas | None" = None,
    least_confidence: float = 0.0,
    limit: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Report:
    """Labels the faces of photos by teachers, as a folder that trains every method.

    Each teacher sees each face in ``views`` crops and their mirror images. The face model is fitted to the mean of
    what all of them found and to what people marked; ``confidence`` of a label falls with the spread of the looks, and
    ``landmark_weights`` repeat it. In a data set the faces and what people marked are the set's own.

    Args:
        source: photos, a folder or an archive of them, a data set (:func:`pyface3d.data.find_sets`), or
            ``synthetic:COUNT`` for rendered portraits.
        out: label folder to write.
        teachers: with what each counts.
        model: face model of the labels; None: the embedded face.
        views: crops of each face.
        places: landmarks that people marked, by the photo's name.
        marked: what a marked point counts; one of the teachers' counts 1.
        head_pose: a second opinion on the rotation, which lowers the confidence where it disagrees.
        detector: finds the faces of photos.
        size: side of the crops.
        atlas: the model's atlas, for position maps.
        least_confidence: labels below are refused.
        limit: number of photos, or of faces of each set.
        progress: called after each face.

    Returns:
        What was refused.

    Raises:
        ValueError: no teacher, a set for testing that was not named by its own file, or a model without landmarks.
        OSError: ``out`` cannot be written.

    Example:
        >>> label_photos("photos", "labels", [load_teacher("compact")])  # doctest: +SKIP
    """
    model = MorphableModel.default() if model is None else model
    space = prior_space(model, size)
    lookers = Lookers(teachers, views)
    labeler = Labeler(lookers, model, space, head_pose, marked, atlas, least_confidence)
    report, found = Report(), sets_of(source)
    faces: Iterable[FaceToLabel]
    named = Path(source).is_file() and Path(source).suffix != ".zip"  # a set's own file: asked for
    if found and not named and all(one.test for one in found):
        raise ValueError(f"label: {source} is for testing alone; name the file of the set to label it all the same")
    largest, portraits = max(teacher.size for teacher, _ in lookers.teachers), portrait_count(source, "label") or None
    if portraits is not None:
        faces = faces_of_portraits(min(portraits, limit or portraits), report, size, largest)
    elif found:
        found = [one for one in found if named or not one.test]
        faces = faces_of_sets(found, report, size, largest, limit)
    else:
        faces = faces_of_photos(source, report, load_detector(detector), places or {}, limit)
    labels = _labels(faces, labeler, report, progress)
    test = any(one.test for one in found)
    write_labels(labels, out, space, report, model=model, maps=atlas is not None, test=test)
    return report


def _labels(
    faces: Iterable[FaceToLabel], labeler: Labeler, report: Report, progress: Callable[[], None]
) -> Iterator[Sample]:
    names: set[str] = set()
    for face in faces:
        try:
            sample = labeler(face)
        except ValueError as error:
            report.refused[face.name] = str(error)
        else:
            while sample["name"] in names:  # of two sets or folders
                sample["name"] += "-again"
            names.add(sample["name"])
            yield sample
        progress()
