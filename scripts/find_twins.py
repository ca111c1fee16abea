"""Finds the crops for learning that show a picture for testing: AFLW has some photos twice, under two names.

    python scripts/find_twins.py ../shared/data scripts/aflw_twins.json

Compares the hashes of ``tests/data/test_apart.py`` by a wider measure than the test, so that the test holds whatever
decodes the pictures.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np

MARGIN = 6  # bits more than the test's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    source = Path(__file__).parents[1] / "tests" / "data" / "test_apart.py"
    spec = importlib.util.spec_from_file_location("test_apart", source)
    assert spec is not None and spec.loader is not None
    apart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(apart)
    testing = np.concatenate([apart.hashes(arguments.data / name)[1] for name in apart.TESTING])
    twins = {}
    for name in apart.LEARNING:
        names, learning = apart.hashes(arguments.data / name)
        near = (apart.SIDE**2 - testing @ learning.T) / 2 < apart.ALIKE + MARGIN
        twins[name.split("/")[0]] = sorted(names[k] for k in np.flatnonzero(near.any(0)))
    found = {folder: names for folder, names in twins.items() if names}
    arguments.target.write_text(json.dumps(found, indent=0) + "\n", "utf-8")
    print({folder: len(names) for folder, names in found.items()})


if __name__ == "__main__":
    main()
