"""Photos on the way to the network: read in threads, in order, never far ahead of the reader, and batched."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch

from pyface3d.foreign.damage import one_line
from pyface3d.images import Photo, Source, find_sources

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def workers(count: int) -> Iterator[Executor]:
    """Threads that compute alone: torch's operators use one thread in each of them, and as many as before elsewhere.

    Whole batches side by side keep all cores busy; the threads of one operator wait for the slowest of them, at every
    operator, which costs several times the computing where other programs run too.
    """
    usual = torch.get_num_threads()
    started = threading.Barrier(count)
    with ThreadPoolExecutor(count, "pyface3d", initializer=_compute_alone) as pool:
        list(pool.map(lambda _: started.wait(), range(count)))
        torch.set_num_threads(usual)  # the last call also counts for threads that others start later
        yield pool


def _compute_alone() -> None:
    torch.get_num_threads()  # a thread's first use of torch sets its number to the usual one
    torch.set_num_threads(1)


def in_order(pool: Executor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int) -> Iterator[Result]:
    """``map(work, items)`` by the pool, in order, at most ``ahead`` results before the reader."""
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > ahead:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()


@dataclass
class Located:
    """A photo with the places of its faces, on the way to the network."""

    source: Source
    photo: Photo | None = None
    rois: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    points: np.ndarray | None = None  # (F, 5, 2) of the detector, in the photo
    crops: torch.Tensor | None = None  # (F, 3, S, S) uint8
    searched: bool = False  # the places are the detector's
    settled: bool = False  # the crops are the user's: no second pass
    error: Exception | None = None

    def sentence(self) -> str | None:
        """Why the photo could not be read, or None."""
        if isinstance(self.error, OSError) and self.error.strerror:
            return f"{self.source.name}: {self.error.strerror}"
        if isinstance(self.error, ValueError):
            text = str(self.error)
            return text if text.startswith(self.source.name) else f"{self.source.name}: {text}"
        return (
            None if self.error is None else f"{self.source.name}: {type(self.error).__name__}: {one_line(self.error)}"
        )


def in_batches(located: Iterable[Located], faces: int, pixels: int) -> Iterator[list[Located]]:
    """Photos with so many faces, or so many pixels, together."""
    batch: list[Located] = []
    for entry in located:
        batch.append(entry)
        waiting = sum(other.photo.pixels.size // 3 for other in batch if other.photo)
        if sum(len(other.rois) for other in batch) >= faces or waiting > pixels:
            yield batch
            batch = []
    if batch:
        yield batch


def open_sources(inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Source]) -> Iterator[Source]:
    """The sources of files, folders, patterns or sources."""
    for entry in [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs:
        if isinstance(entry, Source):
            yield entry
        else:
            yield from find_sources([entry])
