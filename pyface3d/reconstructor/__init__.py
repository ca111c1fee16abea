"""From photos to faces: detection, crops, a method, and per-face results that can be looked at and saved."""

from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.person import Person
from pyface3d.reconstructor.photo_faces import PhotoFaces
from pyface3d.reconstructor.reconstructor import Reconstructor

__all__ = ["Face", "Person", "PhotoFaces", "Reconstructor"]
