"""Faces through the frames of a video: found again, smoothed, and written as tables, animations and videos."""

from pyface3d.reconstructor.tracking.smoothing import Smoothing
from pyface3d.reconstructor.tracking.stream import TrackedFrame, track_frames

__all__ = ["Smoothing", "TrackedFrame", "track_frames"]
