"""Makes research weights of ``compact`` from labels of AFLW's crops: those of a teacher and the points people marked.

pyface3d label aflw/train.npz --teacher compact --out labels/aflw
python scripts/research_weights.py labels/aflw --start mb05_120x120.pth --out run
python scripts/embedded_weights.py run/compact_research.safetensors compact_aflw.safetensors --license "research only"

For research only: AFLW's pictures may not be used otherwise, and neither may weights that saw them. Crops whose photo
is in a test set too, under another name, are left out (``aflw_twins.json``, by ``find_twins.py``). Features are the
whole last map; the head is solved in closed form on them and on changed copies; with ``--steps`` the network is trained
from there.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from compact_weights import STRENGTH
from torch.utils.data import ConcatDataset, Dataset

from pyface3d.data import Augment, collate, read_names
from pyface3d.methods import Method, save_weights
from pyface3d.training import train
from pyface3d.training.head import regress_head
from pyface3d.training.job import make_method
from pyface3d.training.sources import label_space, open_source
from pyface3d.training.start import start_from

TWINS = Path(__file__).with_name("aflw_twins.json")
BATCH, PENALTY = 256, 20.0
RECIPE = {"batch_size": 128, "freeze_norm": False, "norm_momentum": 0.02, "ema": 0.998, "head_samples": 0}
OBJECTIVE = {"landmarks": 2.0, "identity": 0.5, "depth": 0.25, "penalty": "l1"}


def batches(data: Any, augment: Augment, copies: int) -> Iterator[dict[str, Any]]:
    """All samples as they are, then changed copies of them, for the head."""
    generator = torch.Generator().manual_seed(0)
    for copy in range(1 + copies):
        for start in range(0, len(data), BATCH):
            batch = collate([data[i] for i in range(start, min(start + BATCH, len(data)))])
            yield augment(batch, generator) if copy else batch


def main() -> None:
    """Solves, trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="label folders of the default face, in crops of 120 pixels")
    parser.add_argument("--start", required=True, help="mb05_120x120.pth of 3DDFA_V2")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=0, help="of training after the closed form")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--copies", type=int, default=2, help="changed copies of each crop that the head is solved on")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    method, weights = make_method("compact", kernels=16), Path(options.out) / "compact_research.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    twins = read_names(TWINS)
    opened = [
        faces for source in options.sources for faces in open_source(source, method, options.seed, leave_out=twins)
    ]
    data: Dataset = ConcatDataset(opened)
    changes = Augment(label_space(method), method.model, strength=STRENGTH)
    about = {
        "data": [f"{Path(source).name}, labeled by compact and 21 marked points" for source in options.sources],
        "seed": options.seed,
        "steps": options.steps,
        "start": "mb05 of 3DDFA_V2 (MIT)",
        "command": shlex.join(["python", "scripts/research_weights.py", *sys.argv[1:]]),
    }

    def keep(method: Method) -> None:
        save_weights(method, weights, training=about)

    if not (weights.parent / "last.ckpt").exists():
        start_from(method, options.start)
        regress_head(method, batches(data, changes, options.copies), PENALTY)
        keep(method)
    if not options.steps:
        return
    changed = {**RECIPE, "steps": options.steps, "learning_rate": options.rate, "objective": OBJECTIVE}
    recipe = replace(method.recipe, **changed)
    train(method, data, options.out, recipe=recipe, seed=options.seed, augment=changes, workers=0, on_save=keep)
    keep(method)


if __name__ == "__main__":
    main()
