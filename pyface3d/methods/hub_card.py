"""The model card of a weight file in the format of model hubs: Markdown with a YAML header, made from the file."""

from collections.abc import Iterable, Iterator
from typing import Any

from pyface3d.methods.card import ModelCard
from pyface3d.methods.shipped import Weights

_INTENDED = (
    "Faces in photos to meshes, landmarks and head pose. The file says nothing about who a person is, and its figures "
    "were measured on one set of photos: people, light and cameras that are rare there may come out worse. It is not "
    "for deciding about people."
)
_PAGE = """\
---
{header}
---

# {name}

{facts}

```python
import pyface3d

method = pyface3d.create_method("{method}", pretrained="{name}")
```

## Intended use and limits

{intended}

## Training

{training}

## Measured

{measured}
"""


def hub_card(weights: Weights) -> str:
    """The README of a repository that holds a weight file as ``model.safetensors``.

    Args:
        weights: see :func:`pyface3d.methods.describe_weights`.

    Returns:
        Markdown with the YAML front matter that hubs index.

    Example:
        >>> from pyface3d.methods import hub_card, list_weights
        >>> hub_card(list_weights()[0]).splitlines()[1]
        'library_name: pyface3d'
    """
    card = weights.card
    return _PAGE.format(
        header=_header(card),
        name=weights.name,
        method=card.method,
        facts=_table(("fact", "value"), _facts(weights).items()),
        intended=_INTENDED,
        training=_table(("training", "value"), ((key, _text(value)) for key, value in card.training.items())),
        measured=_table(("figure", "value"), _leaves(card.numbers)),
    )


def _header(card: ModelCard) -> str:
    """What hubs index."""
    import yaml

    header = {
        "library_name": "pyface3d",
        "license": card.license.split(";")[0].strip().lower() or "other",
        "tags": ["3d-face-reconstruction", "face-alignment", "3dmm", card.method],
        "pipeline_tag": "image-to-3d",
    }
    return yaml.safe_dump(header, sort_keys=False).strip()


def _facts(weights: Weights) -> dict[str, str]:
    card = weights.card
    return {
        "method": f"`{card.method}`",
        "size": f"{weights.bytes / 1e6:.1f} MB",
        "SHA-256": f"`{weights.sha256}`",
        "license": card.license or "not said",
        "face model": f"`{card.face_model['name']}`, hash `{card.face_model['hash'][:16]}`",
        "pictures": f"{card.images['size']} x {card.images['size']} {card.images['channels']}",
    }


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["| {} | {} |".format(*head), "|---|---|", *("| {} | {} |".format(*row) for row in rows)])


def _text(value: Any) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("|", "\\|")


def _leaves(numbers: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each figure of nested tables with the names that lead to it."""
    for name, value in numbers.items():
        here = f"{path}, {name}" if path else str(name)
        if isinstance(value, dict):
            yield from _leaves(value, here)
        else:
            yield _text(here), _text(value)
