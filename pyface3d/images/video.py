"""Frames of a video file, decoded in a process of its own: containers are complex, and a broken one must not hurt."""

import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from pyface3d.foreign.child import ToldError, answer, reader, requests
from pyface3d.foreign.limits import MEBIBYTE, limits
from pyface3d.foreign.regular import open_regular

_LEAST_STEP = 1e-3  # seconds between frames
_ROOM = 2048 * MEBIBYTE  # for the decoder's buffers

# first bytes of containers that hold their own pictures; playlists, which name other files, have none of these
_HEADS = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"), (4, b"skip"), (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\0\0\1\xba"), (0, b"\0\0\1\xb3"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
)  # fmt: skip


def is_video(head: bytes) -> bool:
    """Whether a file with these first 16 bytes is an AVI, MP4, QuickTime, Matroska, MPEG or WMV container."""
    if head[:4] == b"RIFF" and head[8:11] == b"AVI":
        return True
    return any(head[at : at + len(magic)] == magic for at, magic in _HEADS)


def read_frames(path: str) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) uint8 RGB of a video file, one after the other; errors as :func:`read_timed_frames`."""
    return (pixels for _, pixels in read_timed_frames(path))


def read_timed_frames(path: str) -> Iterator[tuple[float, np.ndarray]]:
    """The frames of a video file with their seconds since the first: pairs of these and (H, W, 3) uint8 RGB.

    Raises:
        OSError: there is no such file.
        ValueError: it is no video, or its decoder crashed, hung or met a limit; frames before are yielded.
    """
    with open_regular(path) as stream:
        if not is_video(stream.read(16)):
            raise ValueError("it is no video in a container that can be read (AVI, MP4, MOV, MKV, WebM, MPEG, WMV)")
    seconds = limits().frame_seconds
    with reader("pyface3d.images.video") as child:
        child.ask({"path": os.path.abspath(path), "pixels": limits().photo_pixels}, _ROOM)
        shown = -np.inf
        while True:
            told = child.line(seconds)
            if "error" in told:
                raise ToldError(told["error"])
            if not told:
                return
            height, width = int(told["height"]), int(told["width"])
            if min(height, width) < 1 or height * width > limits().photo_pixels:
                raise ValueError(f"a frame of {width} x {height} pixels is beyond the limit photo_pixels")
            pixels = child.take(3 * height * width, seconds).reshape(height, width, 3)
            shown = max(float(told["seconds"]), shown + _LEAST_STEP)  # some containers do not say
            yield shown, pixels


def open_video(name: str) -> tuple[float, Iterator[tuple[float, np.ndarray]]]:
    """Frames a second, and pairs of seconds and frames (H, W, 3) uint8 RGB, of a file or of "webcam[:N]".

    Raises:
        OSError: there is no such file, or no such camera.
        ValueError: it is no video.
    """
    if name == "webcam" or (name.startswith("webcam:") and name[7:].isdigit()):
        return 30.0, _camera_frames(int(name[7:] or 0))
    frames = read_timed_frames(name)
    first = list(itertools.islice(frames, 2))
    step = first[1][0] - first[0][0] if len(first) == 2 else 0.0
    rate = 1 / step if step > _LEAST_STEP else 30.0
    return rate, itertools.chain(first, frames)


def _camera_frames(device: int) -> Iterator[tuple[float, np.ndarray]]:
    import cv2

    video, start = cv2.VideoCapture(device), time.monotonic()
    try:
        if not video.isOpened():
            raise OSError(f"there is no camera {device}")
        while (read := video.read())[0]:
            yield time.monotonic() - start, cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    finally:
        video.release()


def _serve(asked: dict[str, Any]) -> None:
    import cv2

    cv2.setNumThreads(1)
    video = cv2.VideoCapture(asked["path"], cv2.CAP_FFMPEG)
    rate, count = video.get(cv2.CAP_PROP_FPS), 0
    while (read := video.read())[0]:
        frame = read[1]
        seconds = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not 0 < seconds < 1e9:
            seconds = count / (rate if 1 <= rate <= 1000 else 30.0)
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            answer({"error": f"its frames are {frame.shape} {frame.dtype}"})
            return
        told = {"height": frame.shape[0], "width": frame.shape[1], "seconds": seconds}
        answer(told, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        count += 1
    video.release()
    answer({})


if __name__ == "__main__":
    for request in requests():
        _serve(request)
