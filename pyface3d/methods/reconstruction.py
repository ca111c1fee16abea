"""What every method answers: reconstructed faces, in the crop or in the photo."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.camera import crop_to_image, flip_y, pose_to_angles, pose_to_image, unflip_y
from pyface3d.methods.similarity import fit_similarity
from pyface3d.morphable.conventions import find_landmarks

if TYPE_CHECKING:
    from pyface3d.atlas import UVAtlas
    from pyface3d.morphable import MorphableModel


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """B reconstructed faces. Vertices, landmarks and angles are computed when they are asked for.

    A method predicts either parameters (``params``) or a position map (``position_map``); what follows from it is the
    same for both. Points are pixels of the crop, x right, y down, larger z nearer; after :meth:`to_image` they are
    pixels of the photo.

    Attributes:
        model: the face model.
        size: side of the crop in pixels.
        flip: how the y-up pose frame reaches the crop, a name of :func:`pyface3d.camera.flip_y`.
        params: (B, P) un-whitened parameter vector in the crop, or None.
        coeffs: (B, K) shape coefficients, or None.
        crop_pose: (B, 3, 4) [f R | t] in the crop's y-up frame, or None for a position map: see :attr:`pose`.
        position_map: (B, 3, U, V) in pixels of the crop, or None.
        atlas: the chart of the position map.
        attributes: (B, A) probabilities, or None.
        attribute_names: names of the A attributes.
        roi: (B, 4) box of each crop in its photo (left, top, right, bottom), or None: answers are in crop pixels.

    Example:
        >>> from pyface3d import create_method
        >>> faces = create_method("mobile_frnet").predict(torch.zeros(2, 3, 120, 120, dtype=torch.uint8))
        >>> faces.landmarks.shape
        torch.Size([2, 68, 3])
    """

    model: "MorphableModel"
    size: int
    flip: str = "face3d"
    params: Tensor | None = None
    coeffs: Tensor | None = None
    crop_pose: Tensor | None = None
    position_map: Tensor | None = None
    atlas: "UVAtlas | None" = None
    attributes: Tensor | None = None
    attribute_names: tuple[str, ...] = ()
    roi: Tensor | None = None

    def __post_init__(self) -> None:
        by_map = self.position_map is not None and self.atlas is not None
        if not by_map and (self.coeffs is None or self.crop_pose is None):
            raise ValueError("Reconstruction: needs coeffs and crop_pose, or position_map and atlas")

    def __len__(self) -> int:
        return len(self._parameters[0] if self.position_map is None else self.position_map)

    def __getitem__(self, index: int | slice | Tensor) -> "Reconstruction":
        """Some of the faces; an integer gives one face, still as a batch."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"Reconstruction: face {index} of {len(self)}")
            index = slice(index, index + 1 or None)
        chosen: dict[str, Any] = {name: tensor[index] for name, tensor in self._tensors().items()}
        return replace(self, **chosen)

    def to_image(self, roi: Tensor) -> "Reconstruction":
        """The same faces, answered in pixels of their photos.

        Args:
            roi: (B, 4) or (4,) box of each crop in its photo: left, top, right, bottom.

        Raises:
            ValueError: another shape.
        """
        roi = torch.as_tensor(roi, dtype=torch.float32)
        if roi.shape == (4,):
            roi = roi.expand(len(self), 4)
        if roi.shape != (len(self), 4):
            raise ValueError(f"Reconstruction.to_image: roi must be ({len(self)}, 4), got {tuple(roi.shape)}")
        return replace(self, roi=roi.to(self.pose.device))

    @cached_property
    def vertices(self) -> Tensor:
        """(B, M, 3) vertices: all of the model, or of a map those that its chart can be read at."""
        if self.position_map is not None:
            return self._place(self._chart.vertices(self.position_map))
        return self._place(self._flipped(self.model.synthesize(*self._parameters)))

    @property
    def triangles(self) -> Tensor:
        """(F, 3) triangles among :attr:`vertices`."""
        return self.model.triangles if self.position_map is None else self._chart.triangles

    @cached_property
    def landmarks(self) -> Tensor:
        """(B, 68, 3) landmarks in iBUG order, where 300W-LP has them (the set ``"300w-lp"``)."""
        if self.position_map is not None:
            return self._place(self._chart.landmarks(self.position_map))
        return self._place(self._flipped(self.model.landmarks68(*self._parameters)))

    def landmark_points(self, name: str) -> Tensor:
        """(B, L, 3) landmarks of another convention that the model knows, such as ``"aflw21"``; NaN where it lacks one.

        Raises:
            ValueError: the model has no such landmarks.
        """
        if self.position_map is None:
            return self._place(self._flipped(self.model.landmark_points(*self._parameters, name)))
        points = find_landmarks(self.model, name)
        uv = self._chart.vertex_uv[points.corners.clamp_min(0).flatten().to(self._chart.vertex_uv.device)]
        corners = ops.sample_position_map(self.position_map, uv.to(self.position_map)).unflatten(
            1, points.corners.shape
        )
        found = (corners * points.weights[..., None].to(corners)).sum(2)
        mask = points.mask[:, None].to(found.device)
        return self._place(torch.where(mask, found, torch.nan))

    @cached_property
    def pose(self) -> Tensor:
        """(B, 3, 4) [f R | t] in the crop's y-up frame; of a map the similarity that carries the mean face onto it."""
        if self.crop_pose is not None:
            return self.crop_pose
        assert self.position_map is not None
        mean = self.model.mean[self._chart.vertex_ids.to(self.model.mean.device)]
        vertices = self._chart.vertices(self.position_map)
        return fit_similarity(mean.to(vertices), unflip_y(vertices, self.size, self.flip))

    def pose_in_image(self, height: int) -> Tensor:
        """(B, 3, 4) [f R | t] in the y-up frame of a photo of this height; needs :meth:`to_image`."""
        if self.roi is None:
            raise ValueError("Reconstruction.pose_in_image: the place of the crop is unknown; call to_image(roi) first")
        return pose_to_image(self.pose, self.roi, self.size, height, self.flip)

    @property
    def angles(self) -> Tensor:
        """(B, 3) pitch, yaw and roll in radians, in 300W-LP's convention."""
        return pose_to_angles(self.pose)

    @property
    def _parameters(self) -> tuple[Tensor, Tensor]:
        """Coefficients and pose in the crop, which faces without a map have."""
        assert self.coeffs is not None and self.crop_pose is not None
        return self.coeffs, self.crop_pose

    @property
    def _chart(self) -> "UVAtlas":
        """The atlas, which faces with a map have."""
        assert self.atlas is not None
        return self.atlas

    def _flipped(self, vertices: Tensor) -> Tensor:
        return flip_y(vertices, self.size, self.flip)

    def _place(self, vertices: Tensor) -> Tensor:
        return vertices if self.roi is None else crop_to_image(vertices, self.roi, self.size)

    def _tensors(self) -> dict[str, Tensor]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}
