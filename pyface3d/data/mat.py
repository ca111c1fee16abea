"""300W-LP and AFLW2000-3D: one ``.mat`` file of fitted parameters beside each image."""

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pyface3d.camera import (
    ParameterSpace,
    flip_y,
    image_to_crop,
    pose_from_para,
    roi_from_box,
    roi_from_landmarks,
    unflip_y,
)
from pyface3d.data.archive import Archive, stem
from pyface3d.data.dataset import FaceDataset
from pyface3d.data.parts import FoundSet, is_test
from pyface3d.data.pictures import UnreadableError, cut, decode_image
from pyface3d.data.sample import Sample
from pyface3d.data.schemes import is_mirrored, mirror_permutation
from pyface3d.foreign.matlab import parse_mat
from pyface3d.morphable.landmark_sets import DEFAULT

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel

BASEL_SIZES = (199, 29)
BASEL = "bfm2009"  # the labels' face model, where it is not at hand
FRAMINGS = ("3ddfa", "prnet")


@dataclass
class MatLabel:
    """What a ``.mat`` file says, in the original image.

    Attributes:
        pose: (3, 4) [f R | t], y up, MATLAB's 1-based pixels.
        identity: (199,) and ``expression`` (29,), raw coefficients of the Basel face as 3DDFA uses it.
        points: (68, 3) or (68, 2) landmarks, 0-based pixels, y down; None where the file has none.
        yaw: degrees.
    """

    pose: Tensor
    identity: Tensor
    expression: Tensor
    points: Tensor | None
    yaw: float

    def coeffs(self, n_identity: int, n_expression: int) -> Tensor:
        """(K,) the first coefficients of each kind."""
        if n_identity > BASEL_SIZES[0] or n_expression > BASEL_SIZES[1]:
            raise ValueError(f"MatLabel: there are {BASEL_SIZES} coefficients, asked for {n_identity}, {n_expression}")
        return torch.cat([self.identity[:n_identity], self.expression[:n_expression]])


def read_mat(content: bytes) -> MatLabel:
    """Parses a ``.mat`` of 300W-LP or AFLW2000-3D; landmarks of 300W-LP's mirrored images are renumbered.

    Raises:
        UnreadableError: no MATLAB file, a field is missing, or a number is not finite or a scale not positive.
    """
    try:
        fields = parse_mat(content)
        para = torch.from_numpy(np.asarray(fields["Pose_Para"], np.float64)).reshape(7)
        identity, expression = (
            torch.from_numpy(np.asarray(fields[name], np.float64)).reshape(size).float()
            for name, size in zip(("Shape_Para", "Exp_Para"), BASEL_SIZES, strict=True)
        )
        pose = pose_from_para(para).float()
        points = _points(fields, pose)
    except Exception as error:  # damage shows as errors of many types
        raise UnreadableError(f"unreadable label ({type(error).__name__}: {error})") from error
    if not all(bool(x.isfinite().all()) for x in (para, identity, expression, *([] if points is None else [points]))):
        raise UnreadableError("label out of range (NaN or infinity)")
    if para[6] <= 0:
        raise UnreadableError(f"label out of range (the scale of the pose is {float(para[6]):.3g})")
    return MatLabel(pose, identity, expression, points, math.degrees(float(para[1])))


def _points(fields: dict[str, np.ndarray], pose: Tensor) -> Tensor | None:
    name = next((n for n in ("pt3d_68", "pt2d") if n in fields and np.shape(fields[n])[1] == 68), None)
    if name is None:
        return None
    points = torch.from_numpy(np.asarray(fields[name], np.float32)).T.clone()  # (68, 2 or 3)
    points[:, :2] -= 1  # MATLAB counts from one
    return points[mirror_permutation(68)] if name == "pt2d" and is_mirrored(points, pose) else points


def crop_pose(pose: Tensor, roi: Tensor, height: int, space: ParameterSpace) -> Tensor:
    """A label's pose in the frame of a crop: ``flip_y(M S + t, space.size, space.flip)`` are its 0-based pixels.

    Args:
        pose: (B, 3, 4) as :class:`MatLabel` has it, in an image of ``height`` pixels.
        roi: (B, 4) the crop, 0-based.
        height: of the original image.
        space: its ``size`` and ``flip`` say which frame.

    Returns:
        (B, 3, 4).
    """
    origin = flip_y(pose[..., 3][:, None], height, "3ddfa") - pose.new_tensor([1.0, 1.0, 0.0])  # (B, 1, 3), 0-based
    origin = unflip_y(image_to_crop(origin, roi, space.size), space.size, space.flip)
    scale = (roi[:, 2:] - roi[:, :2]) / space.size  # (B, 2) image pixels per crop pixel
    scale = torch.cat([scale, scale.mean(1, keepdim=True)], 1)[..., None]  # (B, 3, 1)
    return torch.cat([pose[..., :3] / scale, origin.mT], -1)


class MatFaces(FaceDataset):
    """Images with ``.mat`` labels, in a folder or a zip: 300W-LP, AFLW2000-3D.

    Each face is cut out by 3DDFA's rule (the square about the landmarks whose side is the diagonal of their box) or by
    PRNet's (1.5 times the mean side of their box).

    Args:
        path: folder or zip; images and labels side by side, in any subfolders.
        space: which parameters, and the size of the crop; default 40 + 10 coefficients, 120 pixels.
        model: a model that the labels' coefficients fit (the Basel face): places the crop where a file has no
            landmarks, and is needed for position maps.
        atlas: adds ``position_map``, made with ``model``; its smallest depth is zero, as PRNet's.
        framing: "3ddfa" or "prnet".

    Raises:
        ValueError: there is no pair of image and ``.mat``, an atlas without a model, or an unknown framing.

    Example:
        >>> faces = MatFaces("AFLW2000.zip")  # doctest: +SKIP
        >>> faces[0]["params"].shape  # doctest: +SKIP
        torch.Size([62])
    """

    landmark_set = "300w-lp"

    def __init__(
        self,
        path: str | os.PathLike,
        space: ParameterSpace | None = None,
        model: "MorphableModel | None" = None,
        atlas: "UVAtlas | None" = None,
        framing: str = "3ddfa",
    ):
        if framing not in FRAMINGS:
            raise ValueError(f"MatFaces: framing must be one of {', '.join(FRAMINGS)}, got {framing!r}")
        self.framing = framing
        self.archive = Archive(path)
        labels = {stem(name): name for name in self.archive.names if name.lower().endswith(".mat")}
        self.files = [(name, labels[stem(name)]) for name in self.archive.pictures() if stem(name) in labels]
        if not self.files:
            raise ValueError(f"MatFaces: {path} holds no image with a .mat of the same name")
        if atlas is not None and model is None:
            raise ValueError("MatFaces: position maps need the model of the labels; pass model=")
        super().__init__([stem(image) for image, _ in self.files])
        self.title = self.archive.path.name.removesuffix(".zip")
        self.face_model = BASEL if model is None else model.hash()
        self.space = space or basel_space()
        self.model, self.atlas = model, atlas

    @classmethod
    def find(cls, archive: Archive) -> list[FoundSet]:
        """Images with a ``.mat`` of the same name."""
        labels = {stem(name) for name in archive.names if name.lower().endswith(".mat")}
        if not any(stem(name) in labels for name in archive.pictures()):
            return []
        test = is_test(archive.path.name)
        return [FoundSet("images with .mat labels", lambda size: cls(archive.path, basel_space(size)), (), test)]

    def load(self, index: int) -> Sample:
        """Reads one face."""
        image_name, label_name = self.files[index]
        label = read_mat(self.archive.read(label_name))
        image = decode_image(self.archive.read(image_name))
        points = self._landmarks(label, image.shape[1])
        roi = face_roi(points, image.shape[1:], framing=self.framing)
        landmarks = image_to_crop(points[None], roi[None], self.space.size)[0]
        pose = crop_pose(label.pose[None], roi[None], image.shape[1], self.space)
        coeffs = label.coeffs(self.space.n_identity, self.space.n_expression)[None]
        sample = Sample(
            image=cut(image, roi, self.space.size),
            params=self.space.join(pose, coeffs)[0],
            landmarks=landmarks,
            visible=torch.ones(len(landmarks), dtype=torch.bool),
            yaw=label.yaw,
            box=roi,
            name=self.names[index],
        )
        if self.atlas is not None:
            vertices = self.vertices(label, pose)
            vertices[..., 2] -= vertices[..., 2].min()
            sample["position_map"] = self.atlas.render(vertices)[0]
        return sample

    def vertices(self, label: MatLabel, pose: Tensor, indices: Tensor | None = None) -> Tensor:
        """The model's vertices (1, N, 3) in crop pixels, y down, for a label and its pose (1, 3, 4) in the crop."""
        assert self.model is not None
        coeffs = label.coeffs(self.model.n_identity, self.model.n_expression)[None].to(self.model.mean)
        posed = self.model.synthesize(coeffs, pose.to(self.model.mean), indices)
        return flip_y(posed, self.space.size, self.space.flip)

    def _landmarks(self, label: MatLabel, height: int) -> Tensor:
        if label.points is not None:
            return label.points
        if self.model is None or DEFAULT not in self.model.landmark_sets:
            raise UnreadableError("unreadable label (no landmarks in the file, and no model to place the crop with)")
        coeffs = label.coeffs(self.model.n_identity, self.model.n_expression)[None]
        posed = self.model.landmarks68(coeffs, label.pose[None])
        return (flip_y(posed, height, "3ddfa") - torch.tensor([1.0, 1.0, 0.0]))[0]


def basel_space(size: int = 120) -> ParameterSpace:
    """3DDFA's part of the labels' coefficients: 40 + 10, in crops of ``size`` pixels."""
    return ParameterSpace(n_identity=40, n_expression=10, size=size)


def face_roi(
    points: Tensor, shape: tuple[int, ...] | torch.Size, visible: Tensor | None = None, framing: str = "3ddfa"
) -> Tensor:
    """The square (4,) around landmarks (L, 2 or 3), on whole pixels; UnreadableError where it misses the image."""
    if framing == "prnet":
        seen = points if visible is None else points[visible]
        roi = roi_from_box(torch.cat([seen[:, :2].amin(0), seen[:, :2].amax(0)])[None], scale=1.5, shift=0.0)[0].round()
    else:
        roi = roi_from_landmarks(points[None], None if visible is None else visible[None])[0].round()
    height, width = shape
    left, top, right, bottom = roi.tolist()
    if not (right > left and bottom > top):  # NaN too
        raise UnreadableError("label out of range (the landmarks span no box)")
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        raise UnreadableError("face outside the image")
    return roi
