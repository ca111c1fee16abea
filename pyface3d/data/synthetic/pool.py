"""Rendered portraits kept in files, so that several epochs cost one rendering."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pyface3d.data.synthetic.faces import SyntheticFaces

CHUNK = 256  # portraits rendered and marked as ready together
WAIT, PATIENCE = 0.5, 600.0  # seconds between looks at a missing chunk, and until it is called lost


class PortraitPool(Dataset):
    """The first ``count`` portraits of a set, rendered once into memory-mapped arrays of a folder.

    Processes that fill and processes that read may run at the same time: a reader of a chunk that is not ready waits
    for it. An interrupted filling is taken up again where it stopped.

    Args:
        folder: where the arrays are, made when absent; about 44 kB for a portrait of 120x120.
        faces: the portraits.
        count: how many; rounded up to whole chunks of 256.

    Raises:
        ValueError: the folder holds other portraits.

    Example:
        >>> pool = PortraitPool("pool", SyntheticFaces(seed=1), 512)  # doctest: +SKIP
        >>> pool.fill()  # doctest: +SKIP
    """

    def __init__(self, folder: str | os.PathLike, faces: SyntheticFaces, count: int):
        self.folder, self.faces = Path(folder), faces
        self.n_chunks = -(-count // CHUNK)
        self._open()

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        size, length = self.faces.size, self.n_chunks * CHUNK
        stamp = {"seed": self.faces.seed, "size": size, "model": self.faces.model.hash(), "chunk": CHUNK}
        header = self.folder / "pool.json"
        if not header.exists():
            part = header.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(stamp))
            os.replace(part, header)
        if json.loads(header.read_text()) != stamp:
            raise ValueError(f"PortraitPool: {self.folder} holds other portraits; choose another folder or empty it")
        columns = 12 + self.faces.model.n_coeffs
        self._images = _array(self.folder / "images.u8", np.uint8, (length, 3, size, size))
        self._params = _array(self.folder / "params.f4", np.float32, (length, columns))
        self._landmarks = _array(self.folder / "landmarks.f4", np.float32, (length, 68, 3))
        self._visible = _array(self.folder / "visible.u1", np.bool_, (length, 68))
        self._ready = _array(self.folder / "ready.u1", np.bool_, (self.n_chunks,))

    def __len__(self) -> int:
        return self.n_chunks * CHUNK

    def fill(self, part: int = 0, parts: int = 1) -> None:
        """Render the chunks that are not ready; of several processes each takes every ``parts``-th one."""
        for chunk in range(part, self.n_chunks, parts):
            if not self._ready[chunk]:
                rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
                batch = self.faces.render(range(rows.start, rows.stop))
                for key, array in self._columns().items():
                    array[rows] = batch[key].numpy()
                self._ready[chunk] = True

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {key: value[0] for key, value in self.batch([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        batch = self.batch(indices)
        return [{key: value[k] for key, value in batch.items()} for k in range(len(indices))]

    def batch(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Image uint8 (B, 3, S, S), params (B, P), landmarks (B, 68, 3), visible (B, 68)."""
        rows = np.asarray(indices, np.int64)
        self._wait(np.unique(rows // CHUNK))
        return {key: torch.from_numpy(array[rows]) for key, array in self._columns().items()}

    def _columns(self) -> dict[str, np.memmap]:
        return {"image": self._images, "params": self._params, "landmarks": self._landmarks, "visible": self._visible}

    def _wait(self, chunks: np.ndarray) -> None:
        start = time.monotonic()
        while not self._ready[chunks].all():
            if time.monotonic() - start > PATIENCE:
                missing = chunks[~self._ready[chunks]][0]
                raise RuntimeError(f"PortraitPool: nobody renders chunk {missing} of {self.folder}; call fill")
            time.sleep(WAIT)


def _array(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    """A memory-mapped array that grows with zeros to its shape and keeps what is there."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    with open(path, "ab") as file:
        if file.tell() < size:
            file.truncate(size)
    return np.memmap(path, dtype, "r+", shape=shape)
