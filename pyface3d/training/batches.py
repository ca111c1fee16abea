"""Batches by step: what a step sees depends on the seed and its number alone, so training resumes where it stopped."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Sampler

from pyface3d.data import Tolerant, collate

RESTARTS = 3  # of a loader whose worker died, within one training


class StepSampler(Sampler[list[int]]):
    """Indices of the batches of a whole training, from any step on.

    An epoch is one pass over the first set in a shuffled order; of the other sets each batch takes its share from
    passes of their own. Incomplete batches at the end of an epoch are left out.

    Args:
        sizes: number of samples of each set; indices count through all of them.
        shares: how many samples of a batch come from each set.
        seed: of the orders.
        steps: number of steps of the training.
        rank, world: this process of how many: each takes every ``world``-th sample of a batch.
        start: first step.

    Example:
        >>> list(StepSampler([4], [2], seed=0, steps=2))
        [[2, 0], [1, 3]]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        shares: Sequence[int],
        seed: int,
        steps: int,
        rank: int = 0,
        world: int = 1,
        start: int = 0,
    ):
        for size, share in zip(sizes, shares, strict=True):
            if share > size:
                raise ValueError(f"StepSampler: a batch takes {share} samples of a set of {size}; use smaller batches")
        self.sizes, self.shares, self.seed = list(sizes), list(shares), seed
        self.steps, self.start, self.rank, self.world = steps, start, rank, world
        self._orders: dict[int, tuple[int, torch.Tensor]] = {}  # set -> its epoch and order

    def starting(self, step: int) -> "StepSampler":
        """The same batches from another step on."""
        return StepSampler(self.sizes, self.shares, self.seed, self.steps, self.rank, self.world, step)

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.start, self.steps):
            rows: list[int] = []
            offset = 0
            for number, (size, share) in enumerate(zip(self.sizes, self.shares)):
                rows += [offset + index for index in self._rows(number, size, share, step)]
                offset += size
            yield rows[self.rank :: self.world]

    def _rows(self, number: int, size: int, share: int, step: int) -> list[int]:
        if share == 0:
            return []
        epoch, place = divmod(step, size // share)
        order = self._order(number, size, epoch)
        return order[place * share : (place + 1) * share].tolist()

    def _order(self, number: int, size: int, epoch: int) -> torch.Tensor:
        if number not in self._orders or self._orders[number][0] != epoch:
            generator = torch.Generator().manual_seed((self.seed * 64 + number) * 100_003 + epoch)
            self._orders[number] = (epoch, torch.randperm(size, generator=generator))
        return self._orders[number][1]


class Mixed(ConcatDataset):
    """Sets one after the other; a batch is asked of each of them at once where they can answer so."""

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        samples: list[Any] = [None] * len(indices)
        ends = torch.tensor(self.cumulative_sizes)
        places = torch.bucketize(torch.tensor(indices), ends, right=True)
        for number, data in enumerate(self.datasets):
            rows = (places == number).nonzero()[:, 0].tolist()
            first = 0 if number == 0 else self.cumulative_sizes[number - 1]
            own = [indices[row] - first for row in rows]
            found = data.__getitems__(own) if hasattr(data, "__getitems__") else [data[index] for index in own]
            title = getattr(data, "title", type(data).__name__)
            for row, sample in zip(rows, found, strict=True):
                samples[row] = {**sample, "set": title}
        return samples


class StepLoader:
    """A loader over the steps of a training that survives the death of a worker.

    Args:
        sets: the data sets.
        sampler: says which samples a step takes.
        workers: processes that read; 0 reads in this one.
        step: tells at which step an iteration starts; None: at the sampler's.
    """

    def __init__(
        self, sets: Sequence[Dataset], sampler: StepSampler, workers: int = 0, step: Callable[[], int] | None = None
    ):
        self.dataset = Mixed([data if isinstance(data, Tolerant) else Tolerant(data) for data in sets])
        self.sampler, self.workers, self.step = sampler, workers, step or (lambda: sampler.start)

    def __len__(self) -> int:
        return self.sampler.steps

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step, restarts = self.step(), 0
        while True:
            try:
                for batch in self._loader(step):
                    yield batch
                    step += 1
                return
            except RuntimeError as error:
                if "DataLoader worker" not in str(error) or restarts == RESTARTS:
                    raise
                restarts += 1
                warnings.warn(f"training: a worker died before step {step} ({error}); starting new ones", stacklevel=1)

    def _loader(self, step: int) -> DataLoader:
        rest = self.sampler.starting(step)
        return DataLoader(self.dataset, batch_sampler=rest, num_workers=self.workers, collate_fn=collate)
