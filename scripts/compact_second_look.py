"""Trains the second look of ``compact``: identity from features that lie on the face.

pyface3d profile portraits/ --yaw -90:90:15 --spread 7.5 --pitch 7 --jitter 0.03 --seed 0 --out profiled
python scripts/compact_second_look.py --start run/compact.safetensors --views profiled --points points.npz --out run
python scripts/embedded_weights.py run/compact_two_looks.safetensors compact_embedded.safetensors --dtype int8

The first look (``--start``) is kept as it is. Its features at the surface are written down once, as bytes, for rendered
portraits, turned photos and their mirror images; the second look then learns from those: the exact identity of
portraits, and of photos identities fitted to dense points. The photos of every fifth person are left out.
"""

import argparse
import copy
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compact_weights import STRENGTH
from research_weights import MIRRORED
from torch import Tensor, nn

from pyface3d.data import Augment, collate
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.fitting import fit_landmarks
from pyface3d.losses import IdentityDistance
from pyface3d.methods import Method, save_weights
from pyface3d.methods.second_look import MOST, SecondLook
from pyface3d.training.job import make_method
from pyface3d.training.sources import label_space, open_source
from pyface3d.training.start import start_from

BATCH, KEYS = 250, ("image", "params")
SIZES = {"synthetic": (72, 1.0), "views": (24, 0.33)}  # crops of each in a step, and what they count together
RATE, WARMUP, CLIP = 2e-3, 200, 5.0


class Seen:
    """What the first look saw of some crops: scaled features as bytes, its answer, and labels."""

    def __init__(self, columns: Sequence[Tensor]) -> None:
        self.columns = columns  # fine, coarse, last, first, params

    def draw(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """So many of them by chance."""
        rows = torch.randint(0, len(self.columns[0]), (count,), generator=generator).sort().values
        fine, coarse, last, *rest = (column[rows] for column in self.columns)
        features = [part.float().mul_(MOST / 255) for part in (fine, coarse, last)]
        return [*(part.contiguous(memory_format=torch.channels_last) for part in features), *rest]


@torch.no_grad()
def see(method: Method, images: Tensor) -> list[Tensor]:
    """Scaled features at the surface, the last map and the first answer for crops (B, 3, S, S)."""
    look = method.network.look
    fine, coarse, last, first = method.network.looked(method.images.accept(images))
    return [*look.read(fine, coarse, first), look.scaled(last, look.last_scale), first]


@torch.no_grad()
def set_scales(method: Method, images: Tensor) -> None:
    """Scales each channel so that all but one value in a thousand fit a byte."""
    look = method.network.look
    fine, coarse, last, first = method.network.looked(method.images.accept(images))
    for name, values in zip(("fine", "coarse", "last"), [*look.at_surface(fine, coarse, first), last]):
        flat = values.transpose(0, 1).flatten(1)
        most = flat.kthvalue(int(flat.shape[1] * 0.999), 1).values.clamp_min(1e-3)
        getattr(look, f"{name}_scale").copy_(MOST / most)


def remember(method: Method, batches: Iterator[dict[str, Any]]) -> Seen:
    """All crops of some batches with labels, as bytes."""
    rows = []
    for batch in batches:
        *features, first = see(method, batch["image"])
        small = [(part * (255 / MOST)).round().to(torch.uint8) for part in features]
        rows.append((*small, first, batch["params"]))
    return Seen([torch.cat(column) for column in zip(*rows)])


def portraits(count: int, mirror: Augment, seed: int) -> Iterator[dict[str, Any]]:
    """Rendered portraits, and their mirror images."""
    faces = SyntheticFaces(seed=seed)
    for start in range(0, count, BATCH):
        batch = faces.render(range(start, min(start + BATCH, count)))
        plain = {key: batch[key] for key in KEYS}
        yield plain
        yield mirror(plain, torch.Generator().manual_seed(start))


class Views:
    """Turned photos of the people that are learned from, with identities fitted to dense points.

    Args:
        method: whose labels they are.
        source: folder that ``pyface3d profile`` wrote.
        points: npz with names of the photos and their MediaPipe points (N, 478, 2|3).
    """

    def __init__(self, method: Method, source: str, points: str) -> None:
        (self.data,) = open_source(source, method)
        self.part = method.space.slices["identity"]
        given = np.load(points)
        fitted = fit_landmarks(torch.from_numpy(given["points"].astype(np.float32)), method.model).params
        people = {Path(str(name)).stem: k for k, name in enumerate(given["names"])}
        whose = [people[name.rpartition("_")[0]] for name in self.data.names]
        self.rows = [k for k, person in enumerate(whose) if person % 5 != 4]
        self.identity = fitted[:, self.part][torch.tensor(whose)]

    def batches(self, changes: Sequence[Augment | None]) -> Iterator[dict[str, Any]]:
        """Every view once with each change; None: as it is."""
        for start in range(0, len(self.rows), BATCH):
            rows = self.rows[start : start + BATCH]
            batch = {key: column for key, column in collate([self.data[k] for k in rows]).items() if key in KEYS}
            batch["params"][:, self.part] = self.identity[rows]
            for change in changes:
                generator = torch.Generator().manual_seed(start)
                changed = batch if change is None else change(dict(batch), generator)
                yield {**changed, "image": changed["image"].round().clamp(0, 255).to(torch.uint8)}


def learn(method: Method, synthetic: Seen, views: Seen, steps: int, seed: int) -> SecondLook:
    """The averaged second look after so many steps."""
    space, generator = method.space, torch.Generator().manual_seed(seed)
    part = space.slices["identity"]
    look = copy.deepcopy(method.network.look).to(memory_format=torch.channels_last).train()
    mean, distance = copy.deepcopy(look), IdentityDistance(method.model)
    optimizer = torch.optim.AdamW(look.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(1, (k + 1) / WARMUP) * (1 + np.cos(np.pi * k / steps)) / 2
    )
    shares = torch.cat([torch.full((count,), weight / count) for count, weight in SIZES.values()])
    for step in range(steps):
        drawn = [seen.draw(count, generator) for seen, (count, _) in zip((synthetic, views), SIZES.values())]
        fine, coarse, last, first, params = (torch.cat(column) for column in zip(*drawn))
        with torch.autocast("cpu", torch.bfloat16):
            features = look.gather(fine, coarse, last)
        answer = look.conclude(features.float(), first) * space.std[part] + space.mean[part]
        wrong = distance(answer, params[:, part])
        loss = (wrong * shares).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(look.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        average(mean, look, min(0.998, (step + 1) / (step + 51)))
        if step % 500 == 0:
            print(f"{step} {float(wrong.mean()):.3f} mm", flush=True)
    return mean.eval()


@torch.no_grad()
def average(mean: nn.Module, own: nn.Module, share: float) -> None:
    """Moves averaged weights and statistics towards the present ones."""
    for kept, now in zip(mean.state_dict().values(), own.state_dict().values()):
        kept.lerp_(now, 1 - share) if kept.is_floating_point() else kept.copy_(now)


def main() -> None:
    """Looks, remembers, learns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", required=True, help="weights of the first look, by compact_weights.py")
    parser.add_argument("--views", required=True, help="folder that `pyface3d profile` wrote")
    parser.add_argument("--points", required=True, help="npz: names of the photos and their MediaPipe points")
    parser.add_argument("--portraits", type=int, default=75_000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    method = make_method("compact", looks=2).eval()
    start_from(method, options.start)
    set_scales(method, SyntheticFaces(seed=options.seed + 1).render(range(500))["image"])
    space, model = label_space(method), method.model
    mirror = Augment(space, model, strength=MIRRORED)
    changes = [None, mirror, *(Augment(space, model, strength=replace(STRENGTH, flip=flip)) for flip in (0.0, 1.0))]
    synthetic = remember(method, portraits(options.portraits, mirror, options.seed))
    views = remember(method, Views(method, options.views, options.points).batches(changes))
    method.network.look = learn(method, synthetic, views, options.steps, options.seed)
    about = {
        "data": [f"{options.portraits} synthetic portraits, seed {options.seed}", "turned public-domain portraits"],
        "first look": Path(options.start).name,
        "steps": options.steps,
        "seed": options.seed,
        "command": shlex.join(["python", "scripts/compact_second_look.py", *sys.argv[1:]]),
    }
    save_weights(method, Path(options.out) / "compact_two_looks.safetensors", training=about)


if __name__ == "__main__":
    main()
