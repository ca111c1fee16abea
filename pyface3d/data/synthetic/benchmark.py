"""Synth-2000: the fixed test set of synthetic portraits."""

import hashlib

import numpy as np

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.faces import SyntheticFaces

SEED, COUNT = 2000, 2000
HASH = "3067fe5c350ee07d2ba7d1305c9d067f0c43bb9550f7b67656575776bcbb3d34"


def synth_2000() -> SyntheticFaces:
    """The 2,000 portraits of the default head with seed 2000, in 120x120 crops.

    Raises:
        RuntimeError: the face model or numpy's random numbers are not those that define the set.

    Example:
        >>> len(synth_2000())
        2000
    """
    faces = SyntheticFaces(seed=SEED, length=COUNT)
    found = digest(faces, COUNT)
    if found != HASH:
        raise RuntimeError(f"synth_2000: the set must have hash {HASH[:12]}, got {found[:12]}: restore the face model")
    return faces


def digest(faces: SyntheticFaces, count: int) -> str:
    """SHA-256 (hex) of what defines the first ``count`` portraits: the face model and every random number.

    Pictures are not hashed: their last bits depend on the instruction set that renders them.
    """
    found = hashlib.sha256(f"{faces.model.hash()} {faces.size} {faces.jitter}".encode())
    draws = Draws(faces.seed, range(count))
    for numbers in draws.numbers:
        found.update(np.ascontiguousarray(numbers.numpy()).tobytes())
    return found.hexdigest()
