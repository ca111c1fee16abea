"""An interactive page in one HTML file: faces that can be turned, changed and saved, with no network and no server."""

from pyface3d.page.build import PageFace, build_page, write_page

__all__ = ["PageFace", "build_page", "write_page"]
