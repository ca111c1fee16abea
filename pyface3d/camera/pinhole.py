"""A pinhole camera beside weak perspective: where a head is in meters, as 4x4 matrices by three named conventions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# camera axes in terms of OpenGL's (x right, y up, z backwards); glTF's are the same
_AXES = {"opengl": (1.0, 1.0, 1.0), "gltf": (1.0, 1.0, 1.0), "opencv": (1.0, -1.0, -1.0)}
CAMERA_CONVENTIONS = tuple(_AXES)


@dataclass(frozen=True)
class PinholeCamera:
    """A camera without distortion.

    Args:
        width: of the picture in pixels.
        height: of the picture in pixels.
        focal: (f_x, f_y) in pixels.
        center: (c_x, c_y) of the principal point in pixels, pixel centers at integers; None: the picture's middle.

    Raises:
        ValueError: a size or focal length that is not positive.

    Example:
        >>> PinholeCamera.guess(1280, 720).matrix[0].tolist()
        [1280.0, 0.0, 639.5]
    """

    width: int
    height: int
    focal: tuple[float, float]
    center: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if min(self.width, self.height, *self.focal) <= 0:
            got = f"{self.width} x {self.height} and {self.focal}"
            raise ValueError(f"PinholeCamera: width, height and focal must be positive, got {got}")

    @classmethod
    def guess(cls, width: int, height: int) -> "PinholeCamera":
        """A camera of which only the size of the picture is known: a focal length of the longer side (53 degrees)."""
        return cls(width, height, (float(max(width, height)),) * 2)

    @classmethod
    def of_view(cls, width: int, height: int, degrees: float) -> "PinholeCamera":
        """A camera of a horizontal field of view.

        Raises:
            ValueError: a field that is not between 0 and 180 degrees.

        Example:
            >>> round(PinholeCamera.of_view(1000, 500, 90.0).focal[0])
            500
        """
        if not 0 < degrees < 180:
            raise ValueError(f"PinholeCamera.of_view: degrees must be between 0 and 180, got {degrees}")
        return cls(width, height, (width / 2 / np.tan(np.radians(degrees) / 2),) * 2)

    @property
    def principal(self) -> tuple[float, float]:
        """(c_x, c_y) in pixels."""
        return ((self.width - 1) / 2, (self.height - 1) / 2) if self.center is None else self.center

    @property
    def matrix(self) -> NDArray:
        """(3, 3) K, from OpenCV's camera frame to homogeneous pixels."""
        (fx, fy), (cx, cy) = self.focal, self.principal
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    @property
    def vertical_view(self) -> float:
        """Vertical field of view in radians: glTF's ``yfov``."""
        return float(2 * np.arctan(self.height / 2 / self.focal[1]))

    def place(self, pose: NDArray, anchor: NDArray, meters: float, convention: str = "opengl") -> NDArray:
        """The 4x4 matrix that carries a model into the camera's frame, in meters, from its weak-perspective pose.

        A weak-perspective scale f is focal length over distance; the model is put at that distance so that ``anchor``
        is seen where the pose says. Turning is taken over as it is.

        Args:
            pose: (3, 4) affine map from the model frame to the picture's pixels, y down, larger z nearer: such as
                ``Face.photo_pose``.
            anchor: (3,) point of the model that the pose was fitted about, such as the middle of the landmarks.
            meters: of one model unit.
            convention: camera frame: "opengl" and "gltf": x right, y up, z to the viewer (the face is at negative z);
                "opencv": x right, y down, z forward.

        Returns:
            (4, 4) float64; the upper 3x3 is a rotation times ``meters``.

        Raises:
            ValueError: an unknown convention, other shapes, or a pose without size.

        Example:
            >>> camera = PinholeCamera.guess(1000, 1000)
            >>> pose = np.array([[10.0, 0, 0, 499.5], [0, -10, 0, 499.5], [0, 0, 10, 0]])
            >>> camera.place(pose, np.zeros(3), 0.01)[:3, 3].tolist()
            [0.0, 0.0, -1.0]
        """
        if convention not in _AXES:
            wanted = ", ".join(_AXES)
            raise ValueError(f"PinholeCamera.place: convention must be one of {wanted}, got {convention!r}")
        pose, anchor = np.asarray(pose, np.float64), np.asarray(anchor, np.float64)
        if pose.shape != (3, 4) or anchor.shape != (3,):
            raise ValueError(
                f"PinholeCamera.place: pose must be (3, 4) and anchor (3,), got {pose.shape}, {anchor.shape}"
            )
        scale, rotation = _similarity(pose[:2, :3] * np.array([[1.0], [-1.0]]))
        if not scale > 0:
            raise ValueError("PinholeCamera.place: the pose has no size")
        x, y = pose[:2, :3] @ anchor + pose[:2, 3]
        (fx, fy), (cx, cy) = self.focal, self.principal
        away = meters * (fx * fy) ** 0.5 / scale
        seen = np.array([(x - cx) * away / fx, (cy - y) * away / fy, -away])
        matrix = np.eye(4)
        matrix[:3, :3] = meters * rotation
        matrix[:3, 3] = seen - meters * rotation @ anchor
        matrix[:3] *= np.array(_AXES[convention])[:, None]
        return matrix

    def project(self, points: NDArray, convention: str = "opengl") -> NDArray:
        """Pixels (N, 2) of points (N, 3) of the camera's frame.

        Example:
            >>> PinholeCamera.guess(101, 101).project(np.array([[0.0, 0.0, -1.0]])).tolist()
            [[50.0, 50.0]]
        """
        x, y, z = (np.asarray(points, np.float64) * _AXES[convention]).T  # OpenGL's
        (fx, fy), (cx, cy) = self.focal, self.principal
        return np.stack([cx - fx * x / z, cy + fy * y / z], 1)


def _similarity(rows: NDArray) -> tuple[float, NDArray]:
    """Scale and nearest rotation (3, 3) of the first two rows (2, 3) of a scaled rotation."""
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    first, second = left @ right
    return float(values.mean()), np.stack([first, second, np.cross(first, second)])
