"""One process of a training that :func:`pyface3d.training.launch.launch` started."""

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path

import torch

from pyface3d.training.job import run_training


def work(folder: Path) -> None:
    """Runs the job in ``folder``; its result, or its error, goes to a file there that is named after the rank."""
    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    warnings.simplefilter("ignore")  # remarks of libraries; what the user can act on is an error
    try:
        result = run_training(**job)
    except Exception as error:
        result = {"error": str(error), "kind": type(error).__name__}
    if folder.exists():
        (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(result))
    if "error" in result:
        sys.exit(1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        work(Path(sys.argv[1]))
