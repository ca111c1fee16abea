"""Trains one network under many losses on the same budget, and measures all of them: the tables of docs/results.md.

python scripts/compare_losses.py --out runs/losses --aflw AFLW --aflw2000 AFLW2000-3D --portraits runs/portraits \
    --losses marn mobile_frnet weight_mask joint

AFLW has 21 points a picture; its parameters are fitted to the visible ones with the default face model. A row resumes
nothing: it is trained whole, or not at all when its line is in ``rows.jsonl`` already.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

import pyface3d
from pyface3d import losses, ops
from pyface3d.atlas import UVAtlas
from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.data import Augment, CroppedFaces, Pool
from pyface3d.data.augment import LIGHT
from pyface3d.data.synthetic import SyntheticFaces, parameter_space, synth_2000
from pyface3d.evaluation import box_size, evaluate, normalized_mean_error
from pyface3d.fitting import fit_landmarks
from pyface3d.methods import Method
from pyface3d.morphable import MorphableModel

Batch = dict[str, Tensor]
Criterion = Callable[[Tensor, Batch], Tensor]  # of whitened predictions (B, P) and a batch
SYNTHETIC_TESTED, MAP_SIZE = 500, 128
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "mobilenet_v1_0.5": ("tddfa", {"width": 0.5}),
    "mobile_frnet": ("mobile_frnet", {}),
    "marn": ("marn", {}),
    "marn_mobilenet_v2": ("marn", {"backbone": "mobilenet_v2"}),
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


def labeled_aflw(folder: Path, model: MorphableModel, space: ParameterSpace) -> Batch:
    """AFLW's training crops with parameters fitted to their visible points, and the 68 landmarks of the fits."""
    crops = CroppedFaces(folder / "train.npz", folder / "train_crops120.zip")
    samples = [crops[index] for index in range(len(crops))]
    points, visible = (torch.stack([sample[key] for sample in samples]) for key in ("landmarks", "visible"))
    fit = fit_landmarks(points, model, space, visible=visible, noise=0.02, iterations=20)
    good = fit.error < 0.06 * box_size(points, visible)
    print(f"AFLW: {int(good.sum())} of {len(good)} fits kept, median error {float(fit.error.nanmedian()):.2f} pixels")
    marks = flip_y(model.landmarks68(fit.coeffs, fit.pose), space.size, space.flip)
    images = torch.stack([sample["image"] for sample in samples])
    return {"image": images[good], "params": fit.params[good], "landmarks": marks[good]}


class Mixture:
    """Batches by number: the same rows at the same step of every run."""

    def __init__(self, real: Batch | None, portraits: Pool | None, batch: int, seed: int):
        self.real, self.portraits, self.batch, self.seed = real, portraits, batch, seed
        self.augment = Augment(parameter_space(), strength=LIGHT)

    def __call__(self, step: int, side: int) -> Batch:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        parts = []
        share = self.batch // (2 if self.real and self.portraits else 1)
        if self.real:
            rows = torch.randint(len(self.real["image"]), (share,), generator=generator)
            parts.append({key: value[rows] for key, value in self.real.items()})
        if self.portraits:
            rows = torch.randint(len(self.portraits), (share,), generator=generator)
            parts.append(self.portraits.batch(rows.tolist()))
        joined = {key: torch.cat([part[key] for part in parts]) for key in ("image", "params", "landmarks")}
        return self.augment(joined, generator, side)


def train(method: Method, loss: Criterion, batches: Mixture, options: argparse.Namespace) -> dict[str, float]:
    """AdamW with a warm-up and a linear descent; returns the processor time of a step and of its loss in ms."""
    network = method.network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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


def main() -> None:
    """Train and measure every row that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("out", "aflw", "aflw2000", "portraits"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--losses", nargs="+", default=["portraits"])
    parser.add_argument("--network", choices=sorted(NETWORKS), default="mobilenet_v1_0.5")
    parser.add_argument("--start", type=Path, help="weights to start from, as this script or the package wrote them")
    parser.add_argument("--data", choices=("aflw", "synthetic", "mixed"), default="mixed")
    for name, kind, default in (("steps", int, 400), ("batch", int, 128), ("lr", float, 1e-3), ("seed", int, 0)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--sizes", type=int, nargs="+", default=[120], help="sides of the pictures, small ones first")
    parser.add_argument("--switches", type=int, nargs="*", default=[], help="steps at which the size changes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = options.out / "rows.jsonl"
    done = {json.loads(line)["row"] for line in rows.read_text().splitlines()} if rows.exists() else set()
    space, model = parameter_space(), MorphableModel.default()
    real = None if options.data == "synthetic" else labeled_aflw(options.aflw, model, space)
    pool = None if options.data == "aflw" else Pool(options.portraits, SyntheticFaces(seed=1), 65536)
    tested = synth_2000().render(range(SYNTHETIC_TESTED))
    for name in options.losses:
        row = f"{options.network} {name} {options.data} {options.steps}x{options.batch} seed {options.seed}"
        row += f" from {options.start.stem}" if options.start else ""
        if row in done:
            continue
        torch.manual_seed(options.seed)
        kind, arguments = NETWORKS[options.network]
        method = pyface3d.create_method(kind, space=space, **arguments)
        if options.start:
            method.load_state_dict(pyface3d.create_method(kind, pretrained=options.start).state_dict())
        began = time.time()
        batches = Mixture(real, pool, options.batch, options.seed)
        cost = train(method, criterion(name, model, space), batches, options)
        figures = {"row": row, "seconds": round(time.time() - began), **cost, **measure(method, options, tested)}
        pyface3d.methods.save_weights(method, options.out / f"{row.replace(' ', '_')}.safetensors")
        line = json.dumps(figures)
        with open(rows, "a") as file:
            file.write(line + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()
