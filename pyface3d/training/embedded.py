"""The run that made the embedded weights: one network on a pool of synthetic portraits, on the cores of a CPU.

``torchrun --nproc-per-node 2 -m pyface3d.training.embedded METHOD --out FOLDER`` renders the pool where it is not
there, trains with one thread in each process and resumes what it finds in the folder; docs/results.md gives the command
of each file in ``pyface3d/assets/weights``.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from pyface3d.atomic import atomic_write
from pyface3d.data.synthetic import PortraitPool, SyntheticFaces
from pyface3d.training.callbacks import blend
from pyface3d.training.portrait_augment import PortraitAugment
from pyface3d.training.portrait_tasks import TASKS


def learning_rate(step: int, options: argparse.Namespace) -> float:
    """Warm-up, constant, then a linear descent to zero over the last ``decay`` steps."""
    rise = min(1.0, (step + 1) / options.warmup)
    fall = min(1.0, (options.steps - step) / max(1, options.decay))
    return options.lr * rise * fall


def resolution(step: int, options: argparse.Namespace) -> int:
    """Side of the pictures that the network sees: small ones first, for they cost less."""
    return options.sizes[sum(step >= switch for switch in options.switches)]


def batches(pool: PortraitPool, options: argparse.Namespace, start: int) -> Iterator[Tensor]:
    """Indices of the batches from step ``start`` on: the pool in order first, shuffled from the second epoch on."""
    per_epoch = len(pool) // options.batch
    step = start
    while True:
        epoch = step // per_epoch
        order = torch.arange(len(pool))
        if epoch:
            order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(options.seed * 1000 + epoch))
        for k in range(step % per_epoch, per_epoch):
            yield order[k * options.batch : (k + 1) * options.batch]
            step += 1


def average_gradients(parameters: list[nn.Parameter]) -> None:
    """The mean of the gradients of all processes, in one message."""
    gradients = [cast(Tensor, p.grad) for p in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
        gradient.copy_(mean.view_as(gradient))


class Run:
    """The network of a run with its optimizer and its average, and the file that keeps them between two calls.

    Args:
        options: of the command line.
        file: where they are kept; what is there already is read.
    """

    def __init__(self, options: argparse.Namespace, file: Path):
        self.options, self.file, self.step = options, file, 0
        self.task = TASKS[options.method]()
        self.network = self.task.method.network
        if options.method == "mobile_frnet":  # the other's backward crashes in this layout (torch 2.13)
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.parameters = decayed + plain
        self.optimizer = torch.optim.AdamW(groups, lr=options.lr, betas=(0.9, 0.99), foreach=True)
        if file.exists():
            kept = torch.load(file, weights_only=True)
            self.network.load_state_dict(kept["network"])
            self.average = kept["average"]
            self.optimizer.load_state_dict(kept["optimizer"])
            self.step = kept["step"]
        self.network.train()

    def learn(self, batch: dict[str, Tensor]) -> list[float]:
        """One step on this process' part of a batch: the loss, its terms and the norm of the gradient."""
        loss, terms = self.task.loss(batch)
        loss.backward()
        average_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.options)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return [value.item() for value in (loss, *terms.values(), norm)]

    def take_average(self) -> None:
        """Let the average follow the network: quickly at first."""
        blend(self.average, self.network.state_dict(), min(self.options.ema, self.step / (self.step + 9)))

    def save(self) -> None:
        """Write everything to the file."""
        states = {"network": self.network.state_dict(), "average": self.average}
        states["optimizer"] = self.optimizer.state_dict()
        with atomic_write(self.file) as stream:
            torch.save({"step": self.step, "method": self.options.method, **states}, stream)


def train(options: argparse.Namespace) -> None:
    """Run one process of the training (torchrun starts one for each core)."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    pool = PortraitPool(options.pool, SyntheticFaces(seed=options.seed), options.count)
    pool.fill(rank, world)
    torch.manual_seed(options.seed)
    run, augment = Run(options, folder / "last.pt"), PortraitAugment()
    began, seen = time.time(), 0
    for step, rows in zip(range(run.step, options.steps), batches(pool, options, run.step)):
        generator = torch.Generator().manual_seed((options.seed * 1_000_003 + step) * 64 + rank)
        batch = augment(pool.batch(rows[rank::world].tolist()), resolution(step, options), generator)
        loss, *terms, norm = run.learn(batch)
        seen += options.batch
        if rank != 0:
            continue
        run.take_average()
        if run.step % options.log == 0 or step < 3:
            elapsed = time.time() - began
            row = [run.step, f"{elapsed:.1f}", f"{seen / elapsed:.1f}", *(f"{x:.4f}" for x in (loss, *terms))]
            with open(folder / "log.csv", "a", newline="") as file:
                csv.writer(file).writerow([*row, f"{norm:.2f}"])
        if run.step % options.save == 0 or run.step == options.steps:
            run.save()
    dist.destroy_process_group()


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=sorted(TASKS))
    parser.add_argument("--out", default="runs/embedded")
    parser.add_argument("--pool", default="runs/portraits")
    for name, kind, default in (
        ("count", int, 65536), ("seed", int, 1), ("batch", int, 64), ("steps", int, 4000), ("warmup", int, 100),
        ("decay", int, 1200), ("lr", float, 2e-3), ("weight_decay", float, 0.05),
        ("clip", float, 5.0), ("ema", float, 0.998), ("log", int, 20), ("save", int, 100),
    ):  # fmt: skip
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 96, 120])
    parser.add_argument("--switches", type=int, nargs="*", default=[2000, 3200], help="steps at which the size changes")
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
