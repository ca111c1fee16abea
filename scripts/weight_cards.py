"""Makes the list of hashes and the model cards of the packaged weights; ``--write``: into package and documentation.

To be run again after a change of the files in ``pyface3d/assets/weights``; ``tests/methods/test_shipped.py`` says so.
"""

import argparse
from pathlib import Path

from pyface3d.atomic import atomic_write
from pyface3d.methods import hub_card, list_weights

ROOT = Path(__file__).parents[1]


def pages() -> dict[Path, str]:
    """Each file that is made from the weights, and its content."""
    found = list_weights()
    sums = "".join(f"{weights.sha256}  {weights.path.name}\n" for weights in found)
    return {
        ROOT / "pyface3d" / "assets" / "weights" / "SHA256SUMS": sums,
        **{ROOT / "docs" / "weights" / f"{weights.name}.md": hub_card(weights) for weights in found},
    }


def main() -> None:
    """Prints the files, or writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    for path, content in pages().items():
        if write:
            path.parent.mkdir(exist_ok=True)
            with atomic_write(path) as stream:
                stream.write(content.encode())
        print(path.relative_to(ROOT) if write else content)


if __name__ == "__main__":
    main()
