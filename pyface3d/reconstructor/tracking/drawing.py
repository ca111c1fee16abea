"""The overlay video: faces laid over the frames, only where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pyface3d import render
from pyface3d.atomic import atomic_path
from pyface3d.reconstructor.face import Face


def draw_faces(pixels: np.ndarray, faces: list[Face]) -> np.ndarray:
    """A copy of a frame (H, W, 3) with its faces over it, farther ones first."""
    picture = pixels.copy()
    for face in sorted(faces, key=lambda face: float(np.ptp(face.landmarks[:, 0]))):
        vertices = face.vertices
        low = np.clip(np.floor(vertices[:, :2].min(0)), 0, pixels.shape[1::-1]).astype(int)
        high = np.clip(np.ceil(vertices[:, :2].max(0)) + 1, 0, pixels.shape[1::-1]).astype(int)
        if (high - low).min() < 1:
            continue
        part = picture[low[1] : high[1], low[0] : high[0]]
        if len(face.triangles):
            moved = vertices - np.array([*low, 0], np.float32)
            part[:] = render.overlay(part, moved, face.triangles, alpha=0.6)
        else:
            part[:] = render.draw_landmarks(part, face.landmarks[:, :2] - low)
    return picture


class VideoFile:
    """An MP4 that grows by frames; use :func:`video_file`."""

    def __init__(self, path: str, rate: float) -> None:
        self.path, self.rate = path, rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def add(self, pixels: np.ndarray) -> None:
        """One more frame (H, W, 3) RGB; later ones are fitted to the size of the first."""
        size = pixels.shape[1], pixels.shape[0]
        if self._writer is None:
            self._size, self._writer = size, _opened(self.path, self.rate, size)
        elif size != self._size:
            pixels = cv2.resize(pixels, self._size)
        self._writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def video_file(path: Path, rate: float) -> Iterator[VideoFile]:
    """An MP4 that appears when the block ends well and a frame was written.

    Raises:
        OSError: OpenCV cannot write it.
    """
    with atomic_path(path) as temporary:
        video = VideoFile(temporary, rate)
        try:
            yield video
        finally:
            video.close()


def _opened(path: str, rate: float, size: tuple[int, int]) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    if not writer.isOpened():
        raise OSError(f"cannot write a video of {size[0]} x {size[1]} pixels with OpenCV's mp4v")
    return writer
