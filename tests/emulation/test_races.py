"""Every CUDA kernel with blocks and threads in twenty random orders: the same bits, and no access that races.

Only in a build with PYFACE3D_EMULATE_CUDA=1 (see tests/emulation/cuda_runtime.h); elsewhere there is nothing to watch.
"""

from pathlib import Path

import pytest
import torch

from pyface3d import _ext
from pyface3d.testing import RECORDS
from pyface3d.testing.running import fresh, run, same_bits

EMULATED = b"PYFACE3D_EMULATION_SEED" in Path(_ext.__file__).with_name("_C.abi3.so").read_bytes()
pytestmark = pytest.mark.skipif(not EMULATED, reason="the CUDA kernels of this build are not emulated")
SEEDS = 20


@pytest.fixture(autouse=True)
def poisoned():
    """``torch.empty`` gives NaN: what a kernel does not write shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def sizes_of(record):
    """The usual sizes, and the largest edge of each letter, where a kernel has several blocks."""
    yield {}
    for letter, edges in record.edges.items():
        yield {letter: max(edges)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RECORDS)
def test_no_order_of_blocks_and_threads_shows(name, dtype, monkeypatch):
    record = RECORDS[name]
    if dtype not in record.dtypes:
        pytest.skip(f"{name} does not take {dtype}")
    for sizes in sizes_of(record):
        given = record.wanting(record.sample(dtype, sizes=sizes))
        monkeypatch.delenv("PYFACE3D_EMULATION_SEED", raising=False)
        expected = results(record, given)
        for seed in range(SEEDS if not sizes else 2):
            monkeypatch.setenv("PYFACE3D_EMULATION_SEED", str(seed))
            monkeypatch.setenv("PYFACE3D_EMULATION_BLOCKS", str(1 << 20 if seed % 2 else 1))
            assert same_bits(results(record, given), expected), f"{sizes}, seed {seed}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_triangles_of_every_size_in_any_order(dtype, monkeypatch):
    # drawn by a thread, a warp or many; a vertex of the largest is summed by a block
    generator = torch.Generator().manual_seed(5)
    reach = torch.tensor([3.0, 30, 200], dtype=dtype).repeat_interleave(8)[:, None, None]
    corners = 40 + reach * (torch.rand(24, 3, 3, dtype=dtype, generator=generator) - 0.5)
    given = [corners.reshape(1, 72, 3).requires_grad_(), torch.arange(72).reshape(24, 3), 66, 80]
    monkeypatch.delenv("PYFACE3D_EMULATION_SEED", raising=False)
    expected = results(RECORDS["rasterize"], given)
    for seed in range(SEEDS):
        monkeypatch.setenv("PYFACE3D_EMULATION_SEED", str(seed))
        monkeypatch.setenv("PYFACE3D_EMULATION_BLOCKS", str(1 << 20 if seed % 2 else 1))
        assert same_bits(results(RECORDS["rasterize"], given), expected), f"seed {seed}"


def results(record, given):
    outputs, gradients = run(record.op, fresh(given))
    return [None if x is None else x.detach() for x in (*outputs, *gradients)]
