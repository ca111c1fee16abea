"""Target: 300 portraits of 120x120 each second on 2 threads (one process with two threads, or two workers)."""

import pytest
import torch

from pyface3d.data.synthetic import SyntheticFaces

COUNT = 64


@pytest.fixture(scope="module")
def faces():
    return SyntheticFaces(seed=0)


def bench_portraits(bench, faces):
    bench.compare(
        f"{COUNT} portraits of 120x120",
        {"pyface3d": lambda: faces.render(range(COUNT)), "labels alone": lambda: faces.labels(range(COUNT))},
    )
    bench.note("portraits", per_second=COUNT / bench.median, threads=torch.get_num_threads())


def bench_two_workers(bench, faces):
    count = 8 * COUNT
    loader = torch.utils.data.DataLoader(
        faces, batch_size=COUNT, sampler=range(count), num_workers=2, collate_fn=len, multiprocessing_context="fork"
    )
    bench.compare(f"{count} portraits from two fresh workers", {"pyface3d": lambda: sum(loader)})
    bench.note("portraits, two workers", per_second=count / bench.median)
