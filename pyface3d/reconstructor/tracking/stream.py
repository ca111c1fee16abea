"""Frames in, faces of the same people out."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pyface3d.camera import pose_to_crop
from pyface3d.images import Photo
from pyface3d.methods import Reconstruction
from pyface3d.reconstructor.face import Face
from pyface3d.reconstructor.streaming import in_order, workers
from pyface3d.reconstructor.tracking.brows import Brows
from pyface3d.reconstructor.tracking.smoothing import OneEuro, Smoothing, ZeroPhase
from pyface3d.reconstructor.tracking.tracker import Sight, Tracker

_POSE = 12  # numbers of a pose
_Frame = tuple[int, float, Photo]  # number, seconds, picture
_Seen = tuple[int, float, Photo, list[Sight]]
_AHEAD = 1  # frames that a thread is before the next one, where answers come late anyway
_PAUSE = 0.5  # seconds hidden, after which a face is smoothed anew


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One frame of a video and its faces.

    Attributes:
        index: number of the frame, from 0.
        seconds: since the first frame.
        photo: the frame.
        faces: the faces seen; ``face.index`` is the same for the same person in all frames. Their identity is the mean
            of what was seen so far, pose and expression are the frame's own, smoothed.
    """

    index: int
    seconds: float
    photo: Photo
    faces: list[Face]


def track_frames(
    tracker: Tracker, frames: Iterable[np.ndarray | tuple[float, np.ndarray]], smoothing: Smoothing, rate: float = 30.0
) -> Iterator[TrackedFrame]:
    """Follows the faces of frames, one after the other, with as many frames in memory as the smoothing needs.

    Args:
        tracker: a new one.
        frames: (H, W, 3) uint8 RGB, or pairs of seconds and such.
        smoothing: of pose and expression.
        rate: frames a second, where no seconds come with them.

    Yields:
        A :class:`TrackedFrame` for each frame.

    Raises:
        ValueError: a frame of another kind, or time that does not go on.
    """
    smoother = _Smoother(smoothing, tracker.method.name)
    ahead = _AHEAD if smoothing.ahead else 0

    def look(frame: _Frame) -> _Seen:
        return *frame, tracker(frame[2], frame[1])

    # the eyes and the memory have a thread each, where torch computes alone
    with workers(1) as eyes, workers(1) as memory:
        seen = in_order(eyes, look, _timed(frames, rate), ahead)
        for finished in in_order(memory, smoother.add, seen, ahead):
            yield from finished
    yield from smoother.rest()


def _timed(frames: Iterable[np.ndarray | tuple[float, np.ndarray]], rate: float) -> Iterator[_Frame]:
    """Frames with their number and seconds."""
    last = -np.inf
    for index, frame in enumerate(frames):
        seconds, pixels = frame if isinstance(frame, tuple) else (index / rate, frame)
        if seconds <= last:
            raise ValueError(f"track: the seconds of frame {index} must be more than {last}, got {seconds}")
        last = seconds
        yield index, seconds, _photo(pixels, index)


def _photo(pixels: np.ndarray, index: int) -> Photo:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        got = f"{pixels.dtype} {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ValueError(f"track: frames must be arrays (H, W, 3) uint8 RGB, got {got}")
    return Photo(pixels, f"frame {index}", pixels.shape[1], pixels.shape[0])


class _Smoother:
    """Pose and expression of every face through time, as rows of numbers near one."""

    def __init__(self, smoothing: Smoothing, method: str) -> None:
        self.smoothing, self.method = smoothing, method
        self._waiting: deque[_Seen] = deque()
        self._identities: dict[int, np.ndarray] = {}
        self._radius: float | None = None
        self._brows: dict[int, Brows] = {}
        self._filters: dict[int, tuple[float, np.ndarray, OneEuro | ZeroPhase]] = {}  # last seconds, scale, filter
        # (frame, track): what is to be answered, its scale and its filter
        self._rows: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, OneEuro | ZeroPhase]] = {}

    def add(self, seen: _Seen) -> list[TrackedFrame]:
        """One more frame; returns the one that can be answered with it, if any."""
        self._learn(*seen)
        self._waiting.append(seen)
        return [self._finished(*self._waiting.popleft())] if len(self._waiting) > self.smoothing.ahead else []

    def rest(self) -> Iterator[TrackedFrame]:
        """The frames that are not answered yet, when no more come."""
        while self._waiting:
            yield self._finished(*self._waiting.popleft())

    def _learn(self, index: int, seconds: float, photo: Photo, sights: list[Sight]) -> None:
        for sight in sights:
            self._identities[sight.track.number] = sight.identity
            pose = sight.answer.pose_in_image(photo.height)[0].double().cpu().numpy()
            expression = sight.answer.model.split(sight.answer.coeffs)[1][0]  # type: ignore[arg-type]
            number = sight.track.number
            before, scale, filtered = self._filters.get(number, (-np.inf, np.ones(4), None))
            if filtered is None or sight.fresh or seconds - before > _PAUSE:
                scale, filtered = np.linalg.norm(pose[0, :3]) * self._units(sight.answer), self._new()
            seen = self._brows.setdefault(number, Brows()).read(Face(sight.answer, photo))
            parts = [(pose / scale).ravel(), expression.double().cpu().numpy(), *([] if seen is None else [seen])]
            row = np.concatenate(parts)
            if isinstance(filtered, OneEuro):
                row = filtered(row, seconds) if self.smoothing.kind == "one-euro" else row
            else:
                filtered.add(index, row)
            self._filters[number] = (seconds, scale, filtered)
            self._rows[index, number] = row, scale, filtered

    def _units(self, answer: Reconstruction) -> np.ndarray:
        """(4,) what is one in the columns of a pose: a rotation's one, and the radius of the head."""
        if self._radius is None:
            mean = answer.model.mean.double()
            self._radius = float((mean - mean.mean(0)).norm(dim=1).mean())
        return np.array([1.0, 1.0, 1.0, self._radius])

    def _new(self) -> OneEuro | ZeroPhase:
        ahead = self.smoothing.ahead
        return ZeroPhase(ahead) if ahead else OneEuro(self.smoothing.strength)

    def _finished(self, index: int, seconds: float, photo: Photo, sights: list[Sight]) -> TrackedFrame:
        """The frame with its faces as they are answered."""
        return TrackedFrame(index, seconds, photo, [self._face(index, photo, sight) for sight in sights])

    def _face(self, index: int, photo: Photo, sight: Sight) -> Face:
        number, answer = sight.track.number, sight.answer
        row, scale, filtered = self._rows.pop((index, number))
        if isinstance(filtered, ZeroPhase):
            row = filtered.at(index)
        pose = torch.from_numpy(row[:_POSE].reshape(1, 3, 4) * scale).float()
        identity = torch.from_numpy(self._identities[number])
        expression, seen = np.split(row[_POSE:], [answer.model.n_expression])
        coeffs = torch.cat([identity.float(), torch.from_numpy(expression).float()])[None]
        placed, find = _placed(answer, pose, coeffs, photo), sight.find
        return Face(placed, photo, number, find.score, self.method, find.points, seen if len(seen) else None)


def _placed(answer: Reconstruction, pose: torch.Tensor, coeffs: torch.Tensor, photo: Photo) -> Reconstruction:
    """The face with these parameters, in the crop of an answer."""
    assert answer.roi is not None and answer.params is not None
    crop = pose_to_crop(pose, answer.roi.cpu(), answer.size, photo.height, answer.flip)
    params = torch.cat([crop.flatten(1), coeffs], 1)
    return Reconstruction(
        answer.model, answer.size, answer.flip, params=params, coeffs=coeffs, crop_pose=crop, roi=answer.roi.cpu()
    )
