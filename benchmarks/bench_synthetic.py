"""Target: 300 portraits of 120x120 each second on 2 threads (one process with two threads, or two workers)."""

import time

import pytest
import torch

from pyface3d.data.synthetic import SyntheticFaces

COUNT = 64


@pytest.fixture(scope="module")
def faces():
    return SyntheticFaces(seed=0)


def test_portraits(bench, faces):
    bench.compare(
        f"{COUNT} portraits of 120x120",
        {"pyface3d": lambda: faces.render(range(COUNT)), "labels alone": lambda: faces.labels(range(COUNT))},
    )
    times = bench.results[-1]["times"]
    bench.note("portraits", per_second=COUNT / times["pyface3d"]["median"], threads=torch.get_num_threads())


def test_two_workers(bench, faces):
    loader = torch.utils.data.DataLoader(
        faces, batch_size=64, sampler=range(1024), num_workers=2, collate_fn=len, multiprocessing_context="fork"
    )
    batches = iter(loader)
    warm = sum(next(batches) for _ in range(4))
    start = time.perf_counter()
    rest = sum(batches)
    bench.note("portraits, two workers", per_second=rest / (time.perf_counter() - start))
    assert warm + rest == 1024
