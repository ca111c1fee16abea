"""A detector's finds as faces, without torch; the same rules as ``pyface3d.Reconstructor``."""

from collections.abc import Callable
from dataclasses import replace

from numpy.typing import NDArray

from pyface3d.images.agreement import is_face
from pyface3d.images.detection import Detector, find_faces
from pyface3d.images.detections import Detections
from pyface3d.runtime.placed_face import PlacedFace

Reconstruct = Callable[..., PlacedFace]  # as OnnxReconstructor is called


def search(
    reconstruct: Reconstruct, crop_rule: str, detector: Detector, image: NDArray, largest: bool, passes: int
) -> list[PlacedFace]:
    """The faces of a photo (H, W, 3) uint8 RGB, the largest find first; see ``OnnxReconstructor.find``."""
    found = find_faces(detector, image, largest)
    faces = _faces(reconstruct, found.rois(crop_rule), image, found, passes)
    if largest and len(found) and not faces:
        others = find_faces(detector, image, False)[1:]
        return _faces(reconstruct, others.rois(crop_rule), image, others, passes)[:1]
    return faces


def _faces(reconstruct: Reconstruct, rois: NDArray, image: NDArray, found: Detections, passes: int) -> list[PlacedFace]:
    """The faces of those finds that the method sees a face in."""
    faces = []
    for i, roi in enumerate(rois):
        face = reconstruct(image, roi)
        points = None if found.points is None else found.points[i]
        if passes == 2 and is_face(face.landmarks, roi):
            face = reconstruct(image, landmarks=face.landmarks)
        if is_face(face.landmarks, face.roi, points):
            faces.append(replace(face, score=float(found.scores[i]), points=points))
    return faces
