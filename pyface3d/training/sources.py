"""Training data by name: rendered portraits, or whatever set a folder holds."""

import os
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from pyface3d.data import Pool, open_sets
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.methods import Method

EPOCH = 65_536  # portraits that an epoch counts when nothing else is said


def open_source(name: str, method: Method, seed: int = 0, pool: str | os.PathLike | None = None) -> list[Dataset]:
    """The sets that a name stands for, in the crop size of a method.

    Args:
        name: ``synthetic`` or ``synthetic:COUNT`` for rendered portraits of the embedded head, else the path of a
            folder or zip, recognized as :func:`pyface3d.data.check` does.
        method: what is to be trained.
        seed: of the portraits.
        pool: folder in which decoded samples are kept, each set in its own folder; None: they are not.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the folder holds no set that is known, or the count is not a number.

    Example:
        >>> open_source("synthetic:1000", pyface3d.create_method("mobile_frnet"))  # doctest: +SKIP
    """
    kind, _, count = name.partition(":")
    if kind == "synthetic":
        if count and not count.isdecimal():
            raise ValueError(f"open_source: synthetic:COUNT wants a number, got {count!r}")
        faces = SyntheticFaces(size=method.images.size, seed=seed, length=int(count or EPOCH))
        return [faces if pool is None else _pooled(pool, f"synthetic-{faces.size}-{seed}", faces)]
    sets = open_sets(Path(name))
    if not sets:
        raise ValueError(f"open_source: {name} holds no set that is known; `pyface3d data check` says what is there")
    if pool is None:
        return list(sets.values())
    return [_pooled(pool, f"{Path(name).stem}-{kind}-{method.images.size}", faces) for kind, faces in sets.items()]


def _pooled(folder: str | os.PathLike, name: str, faces: Any) -> Pool:
    """A set's pool, filled; of several processes each fills its part and waits for the others' when it needs them."""
    kept = Pool(Path(folder) / "".join(c if c.isalnum() or c in "-_." else "_" for c in name), faces)
    kept.fill(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    return kept
