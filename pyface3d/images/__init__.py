"""Photos from files, archives, videos and cameras, read safely: orientation, modes, sizes, broken files."""

from pyface3d.images.photo import Photo, demo_picture, read_photo
from pyface3d.images.sources import Source, find_sources

__all__ = ["Photo", "Source", "demo_picture", "find_sources", "read_photo"]
