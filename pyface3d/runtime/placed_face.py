"""One face in its photo, without torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyface3d.runtime import crops
from pyface3d.runtime.card import POSE_LENGTH
from pyface3d.runtime.model import DEFAULT_LANDMARKS, FaceModel
from pyface3d.runtime.render import render


@dataclass(frozen=True, eq=False)
class PlacedFace:
    """One reconstructed face, in pixels of the photo: x right, y down, larger z nearer.

    Vertices and landmarks are computed when they are asked for.

    Attributes:
        model: the face model.
        params: (P,) parameter vector in the crop, un-whitened: pose, identity, expression.
        roi: (4,) left, top, right, bottom of the crop in the photo.
        size: side of the crop in pixels.
        flip: how the y-up pose frame reaches the crop, a name of ``pyface3d.camera.flip_y``.
        threads: that the kernels may use; 0 for as many as the machine has.
        score: of the detector; 1 where the place was given.
        points: (5, 2) the detector's points in the photo; None where the place was given.
    """

    model: FaceModel
    params: NDArray
    roi: NDArray
    size: int
    flip: str
    threads: int = 0
    score: float = 1.0
    points: NDArray | None = None

    @property
    def pose(self) -> NDArray:
        """(3, 4) [f R | t] in the crop's y-up frame."""
        return self.params[:POSE_LENGTH].reshape(3, 4)

    @property
    def coeffs(self) -> NDArray:
        """(K,) shape coefficients, identity first."""
        return self.params[POSE_LENGTH : POSE_LENGTH + self.model.n_coeffs]

    @cached_property
    def vertices(self) -> NDArray:
        """(N, 3) float32."""
        return self.model.synthesize(self.coeffs[None], self._photo_pose[None], threads=self.threads)[0]

    @cached_property
    def landmarks(self) -> NDArray:
        """(68, 3) float32 where 300W-LP has them.

        Raises:
            ValueError: the face model has no landmarks.
        """
        return self.landmark_points()

    def landmark_points(self, name: str = DEFAULT_LANDMARKS) -> NDArray:
        """(L, 3) landmarks of one of the face model's sets, such as ``"mediapipe478"``.

        Raises:
            ValueError: the face model has no such set.
        """
        pose = self._photo_pose[None]
        return self.model.landmark_points(self.coeffs[None], pose, name, threads=self.threads)[0]

    @property
    def angles(self) -> dict[str, float]:
        """Pitch, yaw and roll in degrees, in 300W-LP's convention, as ``pyface3d.Reconstructor``'s faces have them."""
        return dict(zip(("pitch", "yaw", "roll"), np.degrees(crops.pose_to_angles(self.pose)).tolist()))

    def render(self, photo: NDArray | None = None, size: tuple[int, int] | None = None, **options: Any) -> NDArray:
        """Draws the face over its photo, or on white.

        Args:
            photo: (H, W, 3) uint8 RGB, or None for a white picture.
            size: (H, W) of the white picture; needed without a photo.
            options: further arguments of ``runtime.render``, such as ``color``.

        Returns:
            (H, W, 3) uint8.

        Raises:
            ValueError: neither a photo nor a size is given.
        """
        if photo is None and size is None:
            raise ValueError("PlacedFace.render: pass the photo, or size=(height, width) of an empty picture")
        height, width = photo.shape[:2] if photo is not None else size  # type: ignore[misc]
        options = {"background": photo, "threads": self.threads, **options}
        return render(self.vertices, self.model.triangles, height, width, **options)

    @property
    def _photo_pose(self) -> NDArray:
        """(3, 4) from the model frame to the photo: pose, flip and the place of the crop in one affine map."""
        frame = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype(np.float32)  # origin and axes
        pose = self.pose.astype(np.float64)
        posed = crops.flip_y(frame @ pose[:, :3].T + pose[:, 3], self.size, self.flip)
        origin, *axes = crops.to_photo(posed, self.roi, self.size)
        return np.column_stack([axis - origin for axis in axes] + [origin]).astype(np.float32)
