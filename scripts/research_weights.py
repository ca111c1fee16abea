"""Makes research weights of ``compact``: AFLW's crops, a teacher's landmarks and the points that people marked.

python scripts/research_weights.py aflw aflw_more --teacher mb05_120x120.pth --model configs --out run

For research only: AFLW's pictures may not be used otherwise, and neither may weights that saw them. Crops whose photo
is in a test set too, under another name, are left out (``aflw_twins.json``, by ``find_twins.py``). The teacher
(3DDFA_V2's mb05) sees each crop, a slightly smaller cut, and the mirror images of both; the default face is fitted to
the mean of what it says and to the human points, which count ``HUMAN`` times as much. Features are the whole last map;
the head is solved in closed form on them and on changed copies of the crops, then the network is trained.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compact_weights import STRENGTH, crop_prior, mirrored_mean
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from pyface3d import create_method, load_model
from pyface3d.atomic import atomic_write
from pyface3d.camera import ParameterSpace
from pyface3d.data import Augment, Tolerant, collate
from pyface3d.fitting import fit_landmarks
from pyface3d.methods import Method, save_weights
from pyface3d.morphable import LandmarkSet, MorphableModel
from pyface3d.training import train
from pyface3d.training.head import regress_head
from pyface3d.training.job import make_method
from pyface3d.training.sources import label_space, open_source
from pyface3d.training.start import start_from

TWINS = Path(__file__).with_name("aflw_twins.json")
HUMAN = 3.0  # weight of a point that a person marked beside one of the teacher
CUT = 0.94  # the second look's share of the crop's side
BATCH, PENALTY = 256, 20.0
RECIPE = {"batch_size": 128, "freeze_norm": False, "norm_momentum": 0.02, "ema": 0.998, "head_samples": 0}
OBJECTIVE = {"landmarks": 2.0, "identity": 0.5, "depth": 0.25, "penalty": "l1"}


class Labeled(Dataset):
    """Crops in memory with parameters and landmarks of the default face."""

    title = "AFLW"

    def __init__(self, images: Tensor, params: Tensor, landmarks: Tensor) -> None:
        self.images, self.params, self.landmarks = images, params, landmarks

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = {"image": self.images[index], "params": self.params[index], "landmarks": self.landmarks[index]}
        return {**sample, "name": str(index), "set": self.title, "number": index}


def read_crops(sources: list[str], method: Method, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (N, 3, 120, 120), human points (N, 21, 2) and which of them are visible (N, 21)."""
    sets = [Tolerant(data) for source in sources for data in open_source(source, method, seed)]
    whole: Dataset = ConcatDataset(sets)
    twins = {name for names in json.loads(TWINS.read_text()).values() for name in names}
    columns: list[list[Tensor]] = [[], [], []]
    for i in range(len(whole)):  # type: ignore[arg-type]
        sample = whole[i]
        if sample["name"] in twins:
            continue
        for column, key in zip(columns, ("image", "landmarks", "visible")):
            column.append(sample[key])
    images, points, visible = (torch.stack(column) for column in columns)
    return images, points[..., :2], visible


def seen(teacher: Method, images: Tensor) -> Tensor:
    """(B, 68, 2) the teacher's mean over a crop, a smaller cut of it, and their mirror images."""
    side = images.shape[-1]
    cut = torch.linspace(-CUT, CUT, side)
    grid = torch.stack(torch.meshgrid(cut, cut, indexing="xy"), 2).expand(len(images), -1, -1, -1)
    closer = torch.nn.functional.grid_sample(images.float(), grid, "bilinear", "border", align_corners=True)
    middle = (side - 1) / 2
    back = (mirrored_mean(teacher, closer.round().to(torch.uint8)) - middle) * CUT + middle
    return (mirrored_mean(teacher, images) + back) / 2


def label(images: Tensor, points: Tensor, visible: Tensor, teacher: Method) -> tuple[Tensor, Tensor]:
    """Parameters (N, P) and landmarks (N, 68, 2) of the default face fitted to teacher and people."""
    model = MorphableModel.default()
    ours, theirs = model.landmark_sets["300w-lp"], model.landmark_sets["aflw21"]
    both = LandmarkSet(torch.cat([ours.corners, theirs.corners]), torch.cat([ours.weights, theirs.weights]))
    found: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(images), BATCH):
        rows = slice(start, start + BATCH)
        wanted = torch.cat([seen(teacher, images[rows]), points[rows]], 1)
        weights = torch.cat([torch.ones(len(wanted), 68), HUMAN * visible[rows].float()], 1)
        fit = fit_landmarks(wanted, model, crop_prior(model), landmarks=both, visible=weights, iterations=5)
        found.append((fit.params, fit.landmarks[:, :68]))
    params, landmarks = (torch.cat(column) for column in zip(*found))
    return params, landmarks


def batches(data: Labeled, augment: Augment, copies: int) -> Iterator[dict[str, Any]]:
    """All samples as they are, then changed copies of them, for the head."""
    generator = torch.Generator().manual_seed(0)
    for copy in range(1 + copies):
        for start in range(0, len(data), BATCH):
            batch = collate([data[i] for i in range(start, min(start + BATCH, len(data)))])
            yield augment(batch, generator) if copy else batch


def main() -> None:
    """Labels, solves, trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="folders of AFLW's crops with 21 points")
    parser.add_argument("--teacher", required=True, help="mb05_120x120.pth of 3DDFA_V2")
    parser.add_argument("--model", required=True, help="its face model and whitening table: 3DDFA's configs, or an npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--copies", type=int, default=2, help="changed copies of each crop that the head is solved on")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    method = make_method("compact", kernels=16)  # as many as the last map has places
    images, points, visible = read_crops(options.sources, method, options.seed)
    labels = out / "labels.npz"
    if not labels.exists():
        space = ParameterSpace.load(options.model)
        teacher = create_method("tddfa", options.teacher, model=load_model(options.model), space=space).deploy()
        params, landmarks = label(images, points, visible, teacher)
        with atomic_write(labels) as stream:
            np.savez(stream, params=params.numpy(), landmarks=landmarks.numpy())
    tables = np.load(labels)
    data = Labeled(images, torch.from_numpy(tables["params"]), torch.from_numpy(tables["landmarks"]))
    changes = Augment(label_space(method), method.model, strength=STRENGTH)
    solved, about = out / "solved.safetensors", {"data": options.sources, "seed": options.seed}
    if not solved.exists():
        start_from(method, options.teacher)
        regress_head(method, batches(data, changes, options.copies), PENALTY)
        save_weights(method, solved, training=about)
    changed = {**RECIPE, "steps": options.steps, "learning_rate": options.rate, "objective": OBJECTIVE}
    recipe = replace(method.recipe, **changed)

    def keep(method: Method) -> None:
        save_weights(method, out / "compact_research.safetensors", training=about)

    train(method, data, out, recipe=recipe, seed=options.seed, augment=changes, workers=0, start=solved, on_save=keep)
    keep(method)


if __name__ == "__main__":
    main()
