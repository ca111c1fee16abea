"""A detector's finds as faces, without torch; the same rules as ``pyface3d.Reconstructor``."""

from dataclasses import replace
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from pyface3d.images.agreement import is_face
from pyface3d.images.detection import Detections, Detector, find_faces

if TYPE_CHECKING:
    from pyface3d.runtime.onnx_reconstructor import OnnxReconstructor, PlacedFace


def search(
    reconstruct: "OnnxReconstructor", detector: Detector, image: NDArray, largest: bool, passes: int
) -> "list[PlacedFace]":
    """The faces of a photo (H, W, 3) uint8 RGB, the largest find first; see ``OnnxReconstructor.find``."""
    found = find_faces(detector, image, largest)
    faces = _faces(reconstruct, image, found, passes)
    if largest and len(found) and not faces:
        return _faces(reconstruct, image, find_faces(detector, image, False)[1:], passes)[:1]
    return faces


def _faces(reconstruct: "OnnxReconstructor", image: NDArray, found: Detections, passes: int) -> "list[PlacedFace]":
    """The faces of those finds that the method sees a face in."""
    faces = []
    for i, roi in enumerate(found.rois(reconstruct.card.crop_rule)):
        face = reconstruct(image, roi)
        points = None if found.points is None else found.points[i]
        if passes == 2 and is_face(face.landmarks, roi):
            face = reconstruct(image, landmarks=face.landmarks)
        if is_face(face.landmarks, face.roi, points):
            faces.append(replace(face, score=float(found.scores[i]), points=points))
    return faces
