"""The weight files that ship with the package: what they are, and whether they are what was released."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from pyface3d.methods.card import ModelCard, read_card
from pyface3d.methods.loading import create_method
from pyface3d.methods.weights import packaged_weights, read_state

SUMS = "SHA256SUMS"  # beside the files, in the layout of sha256sum


@dataclass(frozen=True)
class Weights:
    """A weight file and what it says about itself.

    Attributes:
        name: its name for ``weights=`` and ``pretrained=``.
        path: of the file.
        card: its model card.
        sha256: of its bytes.
        released: the hash that the release lists for it; None: it is not listed.
    """

    name: str
    path: Path
    card: ModelCard
    sha256: str
    released: str | None = None

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


def describe_weights(path: str | os.PathLike[str]) -> Weights:
    """What a weight file says about itself.

    Args:
        path: a safetensors file with a model card.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged or has no card.

    Example:
        >>> describe_weights(list_weights()[0].path).card.method
        'compact'
    """
    path = Path(path)
    card = read_card(path)
    if card is None:
        raise ValueError(f"{path.name}: the file has no model card; pyface3d's weights are safetensors files with one")
    sums = _sums(path.parent / SUMS)
    return Weights(path.stem, path, card, hashlib.sha256(path.read_bytes()).hexdigest(), sums.get(path.name))


def list_weights() -> list[Weights]:
    """The weight files of this package, by name.

    Example:
        >>> [weights.name for weights in list_weights()][0]
        'compact_embedded'
    """
    return [describe_weights(path) for path in packaged_weights()]


def verify_weights(weights: Weights) -> str | None:
    """The sentence about what is wrong with a weight file; None: nothing is.

    Its bytes must have the hash of the release, where one is listed; its numbers must be finite; and the method that
    its card names must load them onto the face model that they were made for.

    Example:
        >>> [verify_weights(weights) for weights in list_weights()][0] is None
        True
    """
    if weights.released not in (None, weights.sha256):
        return f"{weights.path.name} has the hash {weights.sha256[:12]}..., the release {weights.released[:12]}..."
    try:
        for name, tensor in read_state(weights.path).items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                return f"{weights.path.name}: {name} holds numbers that are not finite"
        create_method(weights.card.method, weights.path)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def _sums(path: Path) -> dict[str, str]:
    """Name of each file -> its hash."""
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {name.lstrip("*"): sha256 for sha256, name in pairs}
