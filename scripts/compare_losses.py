"""Trains one network under many losses on the same budget, and measures all of them: the tables of docs/results.md.

python scripts/compare_losses.py labels/aflw labels/views --out runs/losses --aflw AFLW --aflw2000 AFLW2000-3D \
    --start mb05_120x120.pth --losses marn mobile_frnet weight_mask joint --seeds 0 1 2

Labels are folders as ``label`` writes them, in equal shares of each batch. All rows of a network have one start: the
given trunk, its head solved in closed form on the labels. A row resumes nothing: it is trained whole, or not at all
when its line is in ``rows.jsonl`` already. Seeds change order, augmentation and drawn vertices.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

import pyface3d
from pyface3d import losses, ops
from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace
from pyface3d.data import Augment, collate
from pyface3d.data.augment import LIGHT
from pyface3d.data.synthetic import parameter_space, synth_2000
from pyface3d.evaluation import box_size, evaluate, normalized_mean_error
from pyface3d.methods import Method
from pyface3d.morphable import MorphableModel
from pyface3d.training.head import regress_head
from pyface3d.training.sources import open_source
from pyface3d.training.start import start_from

Batch = dict[str, Tensor]
Criterion = Callable[[Tensor, Batch], Tensor]  # of whitened predictions (B, P) and a batch
SYNTHETIC_TESTED, MAP_SIZE = 500, 128
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "mobilenet_v1_0.5": ("marn", {"backbone": "mobilenet_v1_0.5"}),
    "mobilenet_v2": ("marn", {"backbone": "mobilenet_v2"}),
    "mobile_frnet": ("mobile_frnet", {}),
}


class MapDistance(nn.Module):
    """The weighted distance of the position maps that two parameter vectors stand for, in pixels of the crop."""

    def __init__(self, model: MorphableModel, space: ParameterSpace, squared: bool):
        super().__init__()
        atlas = UVAtlas.from_model(model, MAP_SIZE)
        self.space, self.baked = space, atlas.bake(model)
        mask = atlas.weight_mask()
        self.loss = losses.PositionMapLoss(mask, squared=squared, pixels=float(mask.sum()))

    def maps(self, params: Tensor) -> Tensor:
        pose, coeffs = self.space.split(params)
        return ops.synthesize_position_map(self.baked, coeffs, pose)

    def forward(self, whitened: Tensor, params: Tensor) -> Tensor:
        return self.loss(self.maps(self.space.unwhiten(whitened)), self.maps(params))


def criteria(model: MorphableModel, space: ParameterSpace) -> dict[str, Callable[[], nn.Module]]:
    """Losses by name, each (whitened (B, P), params (B, P)) -> scalar."""
    marn = {"identity": 0, "expression": 1, "pose": 2, "landmarks": 3}
    without = {f"marn_without_{name}": [float(k != n) for n in range(4)] for name, k in marn.items()}
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(model.n_vertices, (132,), generator=generator)
    few = torch.cat([cast(Tensor, model.landmarks), drawn])
    return {
        "marn": lambda: losses.MARNLoss(model, space),
        "mobile_frnet": lambda: losses.MobileFRNetLoss(model, space),
        "weight_mask": lambda: MapDistance(model, space, squared=False),
        "joint": lambda: MapDistance(model, space, squared=True),
        "pdc": lambda: losses.PDCLoss(space),
        "vdc": lambda: losses.VDCLoss(model, space),
        "vdc_200_vertices": lambda: losses.VDCLoss(model, space, indices=few),
        "wpdc": lambda: losses.WPDCLoss(model, space),
        "wpdc_resampled": lambda: losses.WPDCLoss(model, space, resample=132, generator=generator),
        "wing": lambda: losses.WingVertexLoss(model, space),
        "wing_200_vertices": lambda: losses.WingVertexLoss(model, space, indices=few),
        "wing_68_landmarks": lambda: losses.WingVertexLoss(model, space, indices=model.landmarks),
        **{name: lambda weights=weights: losses.MARNLoss(model, space, weights) for name, weights in without.items()},
    }


def criterion(name: str, model: MorphableModel, space: ParameterSpace) -> Criterion:
    """The loss of that name; ``portraits`` is the objective of the embedded weights."""
    if name == "portraits":
        objective = losses.PointLoss(model, space, landmarks=0.1, vertices=0.05, params=0.5)
        return lambda whitened, batch: objective(whitened, batch)[0]
    loss = criteria(model, space)[name]()
    return lambda whitened, batch: loss(whitened, batch["params"])


class Mixture:
    """Batches by number: the same rows at the same step of every run of a seed.

    Args:
        sources: label folders, in equal shares.
        method: whose crops they are cut to.
        batch: samples.
        seed: of rows and changes.
    """

    def __init__(self, sources: Sequence[str], method: Method, batch: int, seed: int):
        self.sets = [faces for source in sources for faces in open_source(source, method)]
        self.batch, self.seed = batch, seed
        self.augment = Augment(parameter_space(), strength=LIGHT)

    def __call__(self, step: int, side: int) -> Batch:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        rows = [torch.randint(len(faces), (self.batch // len(self.sets),), generator=generator) for faces in self.sets]
        joined = collate([faces[row] for faces, drawn in zip(self.sets, rows) for row in drawn.tolist()])
        return self.augment({key: joined[key] for key in ("image", "params", "landmarks")}, generator, side)

    def plain(self, most: int) -> Iterator[Batch]:
        """At most so many samples of each set as they are, spread evenly, for the head."""
        for faces in self.sets:
            rows = torch.linspace(0, len(faces) - 1, min(most, len(faces))).long()
            for part in rows.split(self.batch):
                yield collate([faces[row] for row in part.tolist()])


def start(kind: str, arguments: dict[str, Any], options: argparse.Namespace) -> Method:
    """The network that all rows begin with; made once, kept in the folder."""
    kept = options.out / f"start_{options.network}.safetensors"
    if kept.exists():
        return pyface3d.create_method(kind, pretrained=kept)
    torch.manual_seed(0)
    method = pyface3d.create_method(kind, space=parameter_space(), **arguments)
    begun = start_from(method, options.start)
    if begun.fresh:
        count = regress_head(method, Mixture(options.sources, method, options.batch, 0).plain(options.head_samples))
        print(f"{begun}; head solved on {count} samples", flush=True)
    pyface3d.methods.save_weights(method, kept)
    return method


def train(method: Method, loss: Criterion, batches: Mixture, options: argparse.Namespace) -> dict[str, float]:
    """AdamW with a warm-up and a linear descent; returns the processor time of a step and of its loss in ms."""
    network = method.network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.freeze_norm:
        for module in network.modules():
            module.train(not isinstance(module, nn.BatchNorm2d))
    steps, rate = options.steps, options.lr
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.05, foreach=True)
    spent, start = 0.0, time.process_time()
    for step in range(steps):
        side = options.sizes[sum(step >= switch for switch in options.switches)]
        batch = batches(step, side)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50) * min(1.0, (steps - step) / (0.6 * steps))
        pictures = replace(method.images, size=side).normalize(batch["image"])
        whitened = network(pictures.contiguous(memory_format=torch.channels_last))
        leaf, before = whitened.detach().requires_grad_(), time.process_time()
        value = loss(leaf, batch)
        value.backward()
        spent += time.process_time() - before
        whitened.backward(leaf.grad)
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            print(f"  step {step}: {value.item():.4f}", flush=True)
    network.eval()
    return {"step_ms": 1e3 * (time.process_time() - start) / steps, "loss_ms": 1e3 * spent / steps}


def measure(method: Method, options: argparse.Namespace, portraits: Batch) -> dict[str, Any]:
    """NME in percent on AFLW2000-3D (both label sets), AFLW's 21 points and portraits of Synth-2000."""
    figures: dict[str, Any] = {}
    for labels in ("original", "reannotated"):
        report = evaluate(method, "aflw2000-3d/2d-68", str(options.aflw2000), labels=labels, draws=0, worst=1)
        figures[f"aflw2000_{labels}"] = report.figures
    test = {key: str(options.aflw / value) for key, value in (("table", "test.npz"), ("images", "test_crops120.zip"))}
    figures["aflw"] = evaluate(method, "aflw/21", test["table"], draws=0, worst=1).figures
    faces = [method.predict(part).landmarks[..., :2] for part in portraits["image"].split(100)]
    marks = portraits["landmarks"][..., :2]
    figures["synthetic"] = float(normalized_mean_error(torch.cat(faces), marks, box_size(marks)).mean())
    return figures


def table(lines: list[dict[str, Any]]) -> str:
    """Mean over seeds and half of its 95 % interval (Student's t), of AFLW2000-3D's two label sets, AFLW, Synth."""
    by_name: dict[str, list[list[float]]] = {}
    for line in lines:
        bins = [line[name]["mean"] for name in ("aflw2000_original", "aflw2000_reannotated", "aflw")]
        by_name.setdefault(line["row"].rpartition(" seed ")[0], []).append([*bins, line["synthetic"]])
    text = ["| loss | original | reannotated | AFLW | Synth | seeds |", "|---|---|---|---|---|---|"]
    for name, rows in by_name.items():
        mean, count = np.mean(rows, 0), len(rows)
        half = stats.t.ppf(0.975, count - 1) * np.std(rows, 0, ddof=1) / count**0.5 if count > 1 else np.zeros(4)
        cells = " | ".join(f"{m:.2f} ± {h:.2f}" if count > 1 else f"{m:.2f}" for m, h in zip(mean, half))
        text.append(f"| {name} | {cells} | {count} |")
    return "\n".join(text)


def main() -> None:
    """Train and measure every row that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="label folders of the embedded face, in crops of 120 pixels")
    for name in ("out", "aflw", "aflw2000"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--losses", nargs="+", default=["portraits"], help="names, or none: the start is measured")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="mobilenet_v1_0.5")
    parser.add_argument("--start", type=Path, required=True, help="weights or a released checkpoint to start from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    numbers = (("steps", int, 400), ("batch", int, 128), ("lr", float, 1e-3), ("head-samples", int, 10_000))
    for name, number, default in numbers:
        parser.add_argument(f"--{name}", type=number, default=default)
    parser.add_argument("--freeze-norm", action="store_true", help="BatchNorm keeps its statistics")
    parser.add_argument("--sizes", type=int, nargs="+", default=[120], help="sides of the pictures, small ones first")
    parser.add_argument("--switches", type=int, nargs="*", default=[], help="steps at which the size changes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = options.out / "rows.jsonl"
    done = [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []
    space, model = parameter_space(), MorphableModel.default()
    kind, arguments = NETWORKS[options.network]
    tested = synth_2000().render(range(SYNTHETIC_TESTED))
    for seed, name in ((seed, name) for seed in options.seeds for name in options.losses):
        row = f"{options.network} {name} {options.steps}x{options.batch} rate {options.lr:g} seed {seed}"
        if row in {line["row"] for line in done}:
            continue
        torch.manual_seed(seed)
        method, began, cost = start(kind, arguments, options), time.time(), {}
        if name != "none":
            batches = Mixture(options.sources, method, options.batch, seed)
            cost = train(method, criterion(name, model, space), batches, options)
        figures = {"row": row, "seconds": round(time.time() - began), **cost, **measure(method, options, tested)}
        pyface3d.methods.save_weights(method, options.out / f"{row.replace(' ', '_')}.safetensors")
        done.append(figures)
        with open(rows, "a") as file:
            file.write(json.dumps(figures) + "\n")
        print(table(done), flush=True)


if __name__ == "__main__":
    main()
