"""Training data by name: rendered portraits, or whatever set a folder holds."""

from pathlib import Path

from torch.utils.data import Dataset

from pyface3d.data import open_sets
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.methods import Method

EPOCH = 65_536  # portraits that an epoch counts when nothing else is said


def open_source(name: str, method: Method, seed: int = 0) -> list[Dataset]:
    """The sets that a name stands for, in the crop size of a method.

    Args:
        name: ``synthetic`` or ``synthetic:COUNT`` for rendered portraits of the embedded head, else the path of a
            folder or zip, recognized as :func:`pyface3d.data.check` does.
        method: what is to be trained.
        seed: of the portraits.

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
        return [SyntheticFaces(size=method.images.size, seed=seed, length=int(count or EPOCH))]
    sets = open_sets(Path(name))
    if not sets:
        raise ValueError(f"open_source: {name} holds no set that is known; `pyface3d data check` says what is there")
    return list(sets.values())
