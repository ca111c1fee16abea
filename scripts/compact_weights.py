"""Makes weights of ``compact``, the default method: a teacher's landmarks, the labels' identity, mb05's trunk.

pyface3d profile portraits/ --yaw -90:90:15 --spread 7.5 --pitch 7 --jitter 0.03 --seed 0 --out profiled
python scripts/compact_weights.py profiled synthetic:18432 --teacher mb05_120x120.pth --model configs --out run

The teacher (3DDFA_V2's mb05, MIT) sees each picture and its mirror image; the default face fitted to the mean of both
gives landmarks, pose and expression. Identity is that of the set's own labels, which know it better than 68 points do.
The head is solved in closed form on the teacher's features first; the whole network is then trained.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pyface3d import create_method, load_model
from pyface3d.camera import ParameterSpace
from pyface3d.data import Augment, collate
from pyface3d.data.augment import Strength
from pyface3d.data.schemes import mirror_permutation
from pyface3d.fitting import fit_landmarks
from pyface3d.methods import Method, save_weights
from pyface3d.morphable import MorphableModel
from pyface3d.training import train
from pyface3d.training.head import regress_head
from pyface3d.training.job import make_method
from pyface3d.training.sources import label_space, open_source
from pyface3d.training.start import start_from

BATCH = 64
STRENGTH = Strength(rotation=12.0, scale=(0.94, 1.06), shift=0.06, gain=0.25, blur=0.1, occlusion=0.1)
OBJECTIVE = {"landmarks": 2.0, "identity": 2.0, "depth": 0.25, "penalty": "l1"}


class Taught(Dataset):
    """The pictures of a set with a teacher's landmarks, pose and expression, and the set's own identity.

    Args:
        data: samples with image and params of the default face, in crops of 120 pixels.
        teacher: a method whose 68 landmarks teach.
        space: layout of the parameters.
    """

    def __init__(self, data: Any, teacher: Method, space: ParameterSpace) -> None:
        self.data, self.title = data, getattr(data, "title", type(data).__name__)
        model, parts = MorphableModel.default(), []
        for start in range(0, len(data), BATCH):
            batch = collate([data[i] for i in range(start, min(start + BATCH, len(data)))])
            fit = fit_landmarks(mirrored_mean(teacher, batch["image"]), model, crop_prior(model), iterations=5)
            parts.append((fit.params, batch["params"], fit.landmarks))
        self.taught, own, self.landmarks = (torch.cat(column) for column in zip(*parts))
        self.params = self.taught.clone()
        self.params[:, space.slices["identity"]] = own[:, space.slices["identity"]]

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = {"image": self.data[index]["image"], "params": self.params[index], "landmarks": self.landmarks[index]}
        return {**sample, "name": str(index), "set": self.title, "number": index}


def mirrored_mean(teacher: Method, images: Tensor) -> Tensor:
    """(B, 68, 2) landmarks of pictures (B, 3, S, S): the mean of what a teacher says of them and of their mirror."""
    seen, mirrored = (teacher.predict(pictures).landmarks[..., :2] for pictures in (images, images.flip(3)))
    back = torch.stack([images.shape[-1] - 1 - mirrored[..., 0], mirrored[..., 1]], 2)
    return (seen + back[:, mirror_permutation(68)]) / 2


def crop_prior(model: MorphableModel) -> ParameterSpace:
    """The model's own deviations as the prior of fits in crops of 120 pixels."""
    std = torch.cat([torch.ones(12), model.std.float()])
    return ParameterSpace(std=std, n_identity=model.n_identity, n_expression=model.n_expression)


def batches(sets: Sequence[Taught]) -> Any:
    """All samples, with the teacher's parameters, for the head."""
    for data in sets:
        for start in range(0, len(data), BATCH):
            rows = range(start, min(start + BATCH, len(data)))
            yield {
                "image": torch.stack([data[i]["image"] for i in rows]),
                "params": data.taught[rows.start : rows.stop],
            }


def main() -> None:
    """Teaches, solves, trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="label folders of the default face, synthetic:COUNT")
    parser.add_argument("--teacher", required=True, help="mb05_120x120.pth of 3DDFA_V2")
    parser.add_argument("--model", required=True, help="its face model and whitening table: 3DDFA's configs, or an npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    space = ParameterSpace.load(options.model)
    teacher = create_method("tddfa", options.teacher, model=load_model(options.model), space=space).deploy()
    torch.manual_seed(options.seed)
    method = make_method("compact")
    opened = [
        data for source in options.sources for data in open_source(source, method, options.seed, pool=options.out)
    ]
    sets = [Taught(data, teacher, label_space(method)) for data in opened]
    start_from(method, options.teacher)
    regress_head(method, batches(sets))
    changes = Augment(label_space(method), method.model, strength=STRENGTH)
    recipe = {
        "batch_size": 128,
        "steps": options.steps,
        "learning_rate": 1.2e-4,
        "freeze_norm": True,
        "head_samples": 0,
    }
    ours = replace(method.recipe, **recipe, norm_momentum=None, ema=0.995, objective=OBJECTIVE)
    about = {"data": options.sources, "seed": options.seed, "teacher": "mb05 of 3DDFA_V2 (MIT)"}
    train(method, sets, options.out, recipe=ours, seed=options.seed, augment=changes, workers=0)
    save_weights(method, Path(options.out) / "compact.safetensors", training=about)


if __name__ == "__main__":
    main()
