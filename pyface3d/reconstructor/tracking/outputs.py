"""Everything that a tracked video is written as, frame by frame."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pyface3d.camera import PinholeCamera
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.streaming import in_order, workers
from pyface3d.reconstructor.tracking.drawing import VideoFile, draw_faces, video_file
from pyface3d.reconstructor.tracking.performance import Performance
from pyface3d.reconstructor.tracking.placing import face_anchor, head_matrix
from pyface3d.reconstructor.tracking.stream import TrackedFrame
from pyface3d.reconstructor.tracking.tables import Table, csv_table, parquet_table

TRACK_KINDS = ("blendshapes", "parquet", "glb", "overlay")
_AHEAD = 3  # frames that wait for being written
_LEAST_FRAMES = 5  # of a face that gets a GLB of its own


def check_kinds(kinds: Iterable[str]) -> None:
    """Raises ValueError for a kind that a tracked video is not written as."""
    unknown = sorted(set(kinds) - set(TRACK_KINDS))
    if unknown:
        got = ", ".join(unknown)
        raise ValueError(f"outputs of a video whose faces are followed must be of {', '.join(TRACK_KINDS)}; got {got}")


class TrackWriter:
    """Writes the faces of one video into a folder, as frames come.

    Args:
        folder: made when it is missing.
        stem: of the files: ``<stem>.csv``, ``<stem>.parquet``, ``<stem>-face1.glb``, ``<stem>-overlay.mp4``.
        kinds: of ``TRACK_KINDS``.
        rate: frames a second of the overlay video.
        view: horizontal field of view in degrees; None: guessed from the size.

    Raises:
        ValueError: an unknown kind.
    """

    def __init__(
        self, folder: str | os.PathLike[str], stem: str, kinds: Iterable[str], rate: float, view: float | None = None
    ) -> None:
        self.kinds = list(kinds)
        check_kinds(self.kinds)
        self.base = Path(folder) / stem
        self.rate, self.view = rate, view
        self.frames = self.rows = 0
        self.files: list[Path] = []
        self.performances: dict[int, tuple[int, Performance]] = {}
        self._camera: PinholeCamera | None = None
        self._middle: np.ndarray | None = None

    def write(self, frames: Iterable[TrackedFrame]) -> Iterator[TrackedFrame]:
        """Passes the frames on, and writes everything while they come and when they end."""
        self.base.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as open_files:
            tables: list[Table] = []
            for kind, opened, ending in (("blendshapes", csv_table, ".csv"), ("parquet", parquet_table, ".parquet")):
                if kind in self.kinds:
                    tables.append(open_files.enter_context(opened(self._named(ending))))
            video: VideoFile | None = None
            if "overlay" in self.kinds:
                video = open_files.enter_context(video_file(self._named("-overlay.mp4"), self.rate))
            pool = open_files.enter_context(workers(1))  # the next frame's network runs meanwhile
            for frame in in_order(pool, lambda frame: self._one(frame, tables, video), frames, _AHEAD):
                self.frames += 1
                yield frame
        self._animations()
        self.files = [file for file in self.files if file.exists()]

    def _named(self, ending: str) -> Path:
        self.files.append(self.base.with_name(self.base.name + ending))
        return self.files[-1]

    def _one(self, frame: TrackedFrame, tables: list[Table], video: VideoFile | None) -> TrackedFrame:
        height, width = frame.photo.pixels.shape[:2]
        if self._camera is None:
            given = self.view
            self._camera = PinholeCamera.of_view(width, height, given) if given else PinholeCamera.guess(width, height)
        for face in frame.faces:
            anchor, named, angles = self._anchor(face), face.blendshapes, face.angles
            matrix = head_matrix(face, self._camera, anchor)
            row = {"frame": frame.index, "time": frame.seconds, "face": face.index, **named, **angles}
            row |= dict(zip("xyz", (matrix[:3, :3] @ anchor + matrix[:3, 3]).tolist()))
            for table in tables:
                table.add(row)
            if "glb" in self.kinds:
                count, performance = self.performances.get(face.index, (0, None))
                performance = performance or Performance(self._camera)
                performance.add(face, frame.seconds, named, matrix, abs(angles["yaw"]) + abs(angles["pitch"]))
                self.performances[face.index] = count + 1, performance
        self.rows += len(frame.faces)
        if video is not None:
            video.add(draw_faces(frame.photo.pixels, frame.faces))
        return frame

    def _anchor(self, face: Face) -> np.ndarray:
        """(3,) the middle of the mean face; all faces of a video are of one model."""
        if self._middle is None:
            self._middle = face_anchor(face.reconstruction.model)
        return self._middle

    def _animations(self) -> None:
        for number, (count, performance) in sorted(self.performances.items()):
            if count >= _LEAST_FRAMES:
                performance.save(self._named(f"-face{number + 1}.glb"))

    def report(self) -> dict[str, Any]:
        """Counts and files."""
        return {"files": [str(file) for file in self.files], "frames": self.frames, "faces": self.rows}
