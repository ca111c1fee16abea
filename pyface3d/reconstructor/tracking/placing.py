"""Where a head is before a camera whose size of picture is known."""

from typing import Any

import numpy as np

from pyface3d.camera import PinholeCamera
from pyface3d.morphable.content import METERS
from pyface3d.reconstructor.face import Face

_UNKNOWN = 1.0  # a model without a unit is taken to be in meters


def head_matrix(face: Face, camera: PinholeCamera, anchor: np.ndarray) -> np.ndarray:
    """(4, 4) from the model frame, whose :func:`face_anchor` (3,) is known, to the camera's (glTF's), in meters."""
    return camera.place(face.photo_pose, anchor, METERS.get(face.reconstruction.model.unit, _UNKNOWN))


def face_anchor(model: Any) -> np.ndarray:
    """(3,) the middle of the landmarks of the mean face, or of all vertices where it has none."""
    points = model.mean if model.landmarks is None else model.mean[model.landmarks]
    return points.double().mean(0).cpu().numpy()
