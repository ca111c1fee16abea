"""Samples decoded or rendered once and kept in memory-mapped files, so that further epochs cost next to nothing."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pyface3d.atomic import write_whole
from pyface3d.data.pictures import UnreadableError

CHUNK = 256  # samples written and marked as ready together
WAIT, PATIENCE = 0.5, 600.0  # seconds between looks at a missing chunk, and until it is called lost
WAITING, READY = 0, 1  # what `ready.u1` says of a chunk; `bad.u1` of a sample: 1 where it cannot be read


class Pool(Dataset):
    """The samples of a set, read once into memory-mapped arrays of a folder; tensors and numbers, and the names.

    Processes that fill and processes that read may run at the same time: a reader of a chunk that is not ready waits
    for it. An interrupted filling is taken up again where it stopped.

    Args:
        folder: where the arrays are, made when absent; about 44 kB for a portrait of 120x120.
        faces: the set. All its samples must have the same keys and shapes. Its ``stamp()`` says what it is; where it
            has none its type and ``names`` do.
        count: how many samples of an endless set; None: all.

    Raises:
        ValueError: the folder holds other samples.

    Example:
        >>> pool = Pool("pool", SyntheticFaces(seed=1), 512)  # doctest: +SKIP
        >>> pool.fill()  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike, faces: Any, count: int | None = None):
        self.folder, self.faces, self.count = Path(folder), faces, len(faces) if count is None else count
        self.names: list[str] | None = getattr(faces, "names", None)
        self.title = getattr(faces, "title", type(faces).__name__)
        self.n_chunks = -(-self.count // CHUNK)
        self._open()

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        header = self.folder / "pool.json"
        stamp = {"of": _stamp(self.faces), "chunk": CHUNK}
        if not header.exists():
            first = self._first()
            stamp["arrays"] = {key: [str(v.dtype), list(v.shape)] for key, v in first.items() if v.dtype.kind != "U"}
            stamp["texts"] = {key: str(v) for key, v in first.items() if v.dtype.kind == "U" and key != "name"}
            write_whole(header, json.dumps(stamp).encode())
        found = json.loads(header.read_text())
        if {key: found.get(key) for key in ("of", "chunk")} != {key: stamp[key] for key in ("of", "chunk")}:
            raise ValueError(f"Pool: {self.folder} holds other samples; choose another folder or empty it")
        self.texts: dict[str, str] = found["texts"]  # the same for all: what labels belong to
        self.face_model, self.landmark_set = (self.texts.get(key, "") for key in ("face_model", "landmark_set"))
        length = self.n_chunks * CHUNK
        self._arrays = {
            key: _array(self.folder / f"{key}.bin", dtype, (length, *shape))
            for key, (dtype, shape) in found["arrays"].items()
        }
        self._ready = _array(self.folder / "ready.u1", "uint8", (self.n_chunks,))
        self._bad = _array(self.folder / "bad.u1", "uint8", (length,))

    def __len__(self) -> int:
        return self.count

    def fill(self, part: int = 0, parts: int = 1) -> None:
        """Read the chunks that are not ready; of several processes each takes every ``parts``-th one."""
        for chunk in range(part, self.n_chunks, parts):
            if self._ready[chunk] == READY:
                continue
            rows = range(chunk * CHUNK, min(self.count, (chunk + 1) * CHUNK))
            for row, sample in zip(rows, self._read(rows)):
                self._bad[row] = sample is None
                if sample is None:
                    continue
                for key, array in self._arrays.items():
                    array[row] = self._fitting(key, sample, array.shape[1:])
            self._ready[chunk] = READY

    def _first(self) -> dict[str, np.ndarray]:
        """Arrays of the first sample that can be read."""
        for row in range(self.count):
            try:
                sample = self.faces[row]
            except UnreadableError:
                continue
            return {key: np.asarray(v, np.float32 if isinstance(v, float) else None) for key, v in sample.items()}
        raise ValueError(f"Pool: none of the {self.count} samples of {self.title} can be read")

    def _read(self, rows: range) -> list[dict[str, Any] | None]:
        if hasattr(self.faces, "render"):  # endless portraits are rendered in groups
            return list(self.faces.__getitems__(list(rows)))
        return [self._one(row) for row in rows]

    def _one(self, row: int) -> dict[str, Any] | None:
        try:
            return dict(self.faces[row])
        except UnreadableError:
            return None

    def _fitting(self, key: str, sample: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
        value = np.asarray(sample.get(key))
        if key not in sample or value.shape != shape:
            name = sample.get("name", "a sample")
            raise ValueError(f"Pool: {key} of {name} must be {shape} as in the first sample, got {value.shape}")
        return value

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        batch = self.batch(indices)
        names = [{} if self.names is None else {"name": self.names[index]} for index in indices]
        return [{key: v[k] for key, v in batch.items()} | self.texts | names[k] for k in range(len(indices))]

    def batch(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """All that is kept of some samples, each key with a leading batch dimension.

        Raises:
            UnreadableError: the set could not read one of them.
        """
        rows = np.asarray(indices, np.int64)
        self._wait(np.unique(rows // CHUNK))
        if self._bad[rows].any():
            row = int(rows[self._bad[rows] != 0][0])
            named = f"sample {row}" if self.names is None else self.names[row]
            raise UnreadableError(f"unreadable image or label ({named}, found when {self.folder} was filled)")
        return {key: torch.from_numpy(array[rows]) for key, array in self._arrays.items()}

    def _wait(self, chunks: np.ndarray) -> None:
        start = time.monotonic()
        while not (self._ready[chunks] == READY).all():
            if time.monotonic() - start > PATIENCE:
                missing = chunks[self._ready[chunks] != READY][0]
                raise RuntimeError(f"Pool: nobody fills chunk {missing} of {self.folder}; call fill")
            time.sleep(WAIT)


def _stamp(faces: Any) -> Any:
    if hasattr(faces, "stamp"):
        return faces.stamp()
    names = getattr(faces, "names", None)
    return {"kind": type(faces).__name__, "samples": len(faces) if names is None else list(names)}


def _array(path: Path, dtype: str, shape: tuple[int, ...]) -> np.memmap:
    """A memory-mapped array that grows with zeros to its shape and keeps what is there."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with open(path, "ab") as file:
        before = file.tell()
        try:
            if before < size:
                _grow(file, size)
        except OSError as error:
            file.truncate(before)
            raise OSError(error.errno, f"cannot write: {error.strerror}", str(path)) from error
    return np.memmap(path, dtype, "r+", shape=shape)


def _grow(file: BinaryIO, size: int) -> None:
    """Takes the room on the disk now: a memory map of a file with holes kills its process when the disk is full."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)
