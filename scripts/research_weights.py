r"""Makes research weights of ``compact`` from labels of AFLW's crops: those of teachers and the points people marked.

pyface3d label aflw/train.npz --teacher compact@0.75 --teacher openseeface=lm_model0_opt.onnx@0.15 \
    --teacher peppa=slim_160_latest.onnx@0.1 --points-weight 0.5 --out labels/aflw
python scripts/research_weights.py labels/aflw --start compact_embedded.safetensors --steps 450 --out run
python scripts/embedded_weights.py run/compact_research.safetensors compact_aflw.safetensors --license "research only"

For research only: AFLW's pictures may not be used otherwise, and neither may weights that saw them. Crops whose photo
is in a test set too, under another name, are left out (``aflw_twins.json``, by ``find_twins.py``). Features are the
whole last map; the head is solved in closed form on the crops, their mirror images and changed copies; with ``--steps``
the network is trained from there, and what is kept lies between both.
"""

import argparse
import copy
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
from pyface3d.data.augment import Strength
from pyface3d.methods import Method, save_weights
from pyface3d.nets import read_state
from pyface3d.training import train
from pyface3d.training.head import regress_head
from pyface3d.training.job import make_method
from pyface3d.training.sources import label_space, open_source
from pyface3d.training.start import start_from

TWINS = Path(__file__).with_name("aflw_twins.json")
BATCH, PENALTY = 256, 200.0
RECIPE = {
    "batch_size": 128, "freeze_norm": True, "norm_momentum": None, "ema": 0.99, "head_samples": 0, "warmup_steps": 30,
}  # fmt: skip
MIRRORED = Strength(rotation=0.0, scale=(1.0, 1.0), shift=0.0, gain=0.0, blur=0.0, occlusion=0.0, flip=1.0)
OBJECTIVE = {"landmarks": 2.0, "identity": 0.5, "depth": 0.25, "penalty": "l1"}


def batches(data: Any, changes: list[Augment | None]) -> Iterator[dict[str, Any]]:
    """All samples, once with each of the changes; None: as they are."""
    generator = torch.Generator().manual_seed(0)
    for change in changes:
        for start in range(0, len(data), BATCH):
            batch = collate([data[i] for i in range(start, min(start + BATCH, len(data)))])
            yield batch if change is None else change(batch, generator)


def between(method: Method, first: Path, share: float) -> Method:
    """A copy of a method whose weights lie between those of a file and its own; BatchNorm's statistics are one."""
    kept, before = copy.deepcopy(method), read_state(first)
    own = kept.network.state_dict()
    mixed = {
        name: torch.lerp(before[name].to(own[name]), own[name], share) for name in own if own[name].is_floating_point()
    }
    kept.network.load_state_dict({**own, **mixed})
    return kept


def main() -> None:
    """Solves, trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="label folders of the default face, in crops of 120 pixels")
    parser.add_argument("--start", required=True, help="weights whose trunk is taken: the default's, or mb05's")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=0, help="of training after the closed form")
    parser.add_argument("--rate", type=float, default=1.2e-4)
    parser.add_argument("--trained", type=float, default=0.5, help="what is kept: share of the trained network")
    parser.add_argument("--copies", type=int, default=1, help="changed copies of each crop that the head is solved on")
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
        "data": [f"{Path(source).name}, labeled by teachers and 21 marked points" for source in options.sources],
        "seed": options.seed,
        "steps": options.steps,
        "start": Path(options.start).name,
        "command": shlex.join(["python", "scripts/research_weights.py", *sys.argv[1:]]),
    }

    closed_form = weights.with_name("closed_form.safetensors")

    def keep(method: Method) -> None:
        save_weights(between(method, closed_form, options.trained), weights, training=about)

    if not (weights.parent / "last.ckpt").exists():
        start_from(method, options.start)
        mirrored = Augment(label_space(method), method.model, strength=MIRRORED)
        regress_head(method, batches(data, [None, mirrored, *[changes] * options.copies]), PENALTY)
        save_weights(method, closed_form, training=about)
        keep(method)
    if not options.steps:
        return
    changed = {**RECIPE, "steps": options.steps, "learning_rate": options.rate, "objective": OBJECTIVE}
    recipe = replace(method.recipe, **changed)
    train(method, data, options.out, recipe=recipe, seed=options.seed, augment=changes, workers=0, on_save=keep)
    keep(method)


if __name__ == "__main__":
    main()
