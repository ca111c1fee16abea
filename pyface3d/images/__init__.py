"""Photos from files, archives, videos and cameras, read safely: orientation, modes, sizes, broken files."""

from pyface3d.images.detection import load_detector
from pyface3d.images.detections import Detections
from pyface3d.images.photo import Photo, demo_picture, read_photo
from pyface3d.images.sources import Source, find_sources

__all__ = ["Detections", "Photo", "Source", "demo_picture", "find_sources", "load_detector", "read_photo"]
