"""`pytest benchmarks --benchmark`: pytest-benchmark, and the thin layer of what it lacks.

Its fixture times pyface3d and groups by op; between its rounds the other candidates have their turn, so that the
machine's moods hit all of them alike. Ratios, the machine's floor and peak memory go into each benchmark's
``extra_info``, and into the lines of the summary.
"""

import math
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pyface3d import _ext

RESULTS = pytest.StashKey[list["Bench"]]()


def pytest_addoption(parser):
    parser.addoption("--benchmark", action="store_true", help="run the benchmarks (they are skipped otherwise)")


def pytest_configure(config):  # before pytest-benchmark's own, which reads the path
    config.stash[RESULTS] = []
    if config.getoption("--benchmark"):
        config.option.benchmark_json = config.option.benchmark_json or Path("out/benchmarks.json")
        config.option.benchmark_json.parent.mkdir(parents=True, exist_ok=True)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--benchmark"):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="a benchmark: pass --benchmark"))


def machine() -> dict[str, object]:
    """What the figures depend on."""
    return {
        "simd": _ext.simd_level(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info.update(machine())


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def median_seconds(run: Callable[[], object], budget: float) -> float:
    run(), run()  # warm-up: caches, pages
    times, start = [seconds(run)], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < budget:
        times.append(seconds(run))
    return statistics.median(times)


def peak_memory(run: Callable[[], object]) -> float:
    """Bytes of resident memory that a call adds at its peak (sampled every half millisecond)."""
    page, peak, done = os.sysconf("SC_PAGE_SIZE"), 0, threading.Event()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page

    def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, resident())
            time.sleep(5e-4)

    run()
    before, watcher = resident(), threading.Thread(target=watch)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return max(0, peak - before)


class Bench:
    """What a benchmark uses: ``compare`` times, once; ``memory`` and ``note`` add other figures to its record.

    Attributes:
        median: seconds of a call of pyface3d, after ``compare``.
    """

    def __init__(self, benchmark, floor: dict[str, float], max_time: float, min_rounds: int):
        self.benchmark, self.floor, self.lines = benchmark, floor, []
        self.max_time, self.min_rounds = max_time, min_rounds

    def compare(self, name, candidates, *, flops=0.0, bytes_moved=0.0) -> dict[str, float]:
        """Times ``candidates`` ("pyface3d" among them); returns how many times slower each of the others is."""
        others = {key: run for key, run in candidates.items() if key != "pyface3d"}
        times: dict[str, list[float]] = {key: [] for key in others}

        def turn_of_others():
            for key, run in others.items():
                times[key].append(seconds(run))

        def turn():  # the result is dropped at once, as those of the others are
            candidates["pyface3d"]()

        rounds = self._rounds(candidates)
        self.benchmark.pedantic(turn, setup=turn_of_others, rounds=rounds)
        if not self.benchmark.enabled:
            pytest.skip("--benchmark-disable: everything ran once, nothing was timed")
        self.median = self.benchmark.stats.stats.median
        floor = max(flops / self.floor["flops_per_second"], bytes_moved / self.floor["bytes_per_second"])
        medians = {key: statistics.median(values) for key, values in times.items()}
        ratios = {key: median / self.median for key, median in medians.items()}
        self._record(f"{name}: {self._compared(medians, ratios, floor)}", medians=medians, ratios=ratios, floor=floor)
        return ratios

    def _rounds(self, candidates) -> int:
        """Turns that fit into --benchmark-max-time seconds for each candidate, by the second run of each."""
        for run in candidates.values():
            run()  # compilation, caches, pages
        if not self.benchmark.enabled:
            return 1
        turn = sum(map(seconds, candidates.values()))
        return max(self.min_rounds, math.ceil(self.max_time * len(candidates) / turn))

    def _compared(self, medians, ratios, floor) -> str:
        parts = [f"pyface3d {1e3 * self.median:.3f} ms"]
        parts += [f"{key} {1e3 * median:.2f} ms ({ratios[key]:.1f}x)" for key, median in medians.items()]
        if floor:
            parts.append(f"floor {1e3 * floor:.2f} ms (pyface3d {self.median / floor:.1f}x it)")
        return "  ".join(parts)

    def memory(self, name, candidates) -> dict[str, float]:
        """Peak extra resident bytes of each candidate."""
        peaks = {key: peak_memory(run) for key, run in candidates.items()}
        parts = [f"{key} {peak / 1e6:.1f} MB" for key, peak in peaks.items()]
        self._record(f"{name}: {'  '.join(parts)}", peak_bytes=peaks)
        return peaks

    def note(self, name, **figures) -> None:
        """Records figures that are neither times nor bytes."""
        parts = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()]
        self._record(f"{name}: {'  '.join(parts)}", **figures)

    def _record(self, line: str, **figures) -> None:
        self.lines.append(line)
        self.benchmark.extra_info.update(figures)


@pytest.fixture(scope="session")
def machine_floor(request) -> dict[str, float]:
    """The machine's measured rates: float32 matrix product and copy."""
    a = torch.rand(1024, 1024)
    source, target = torch.rand(1 << 25), torch.rand(1 << 25)  # 128 MB each: beyond the caches
    budget = min(0.5, float(request.config.option.benchmark_max_time))
    product, copy = (median_seconds(run, budget) for run in (lambda: a @ a, lambda: target.copy_(source)))
    return {"flops_per_second": 2 * 1024**3 / product, "bytes_per_second": 2 * source.nbytes / copy}


@pytest.fixture(scope="session")
def faces() -> tuple[torch.Tensor, torch.Tensor]:
    """32 half ellipsoids with a nose at random yaw and pitch, as large as the Basel face: 53383 vertices.

    220 pixels high in pictures of 256x256: (B, N, 3) y down, and their (F, 3) triangles.
    """
    batch, rows, columns = 32, 253, 211
    v, u = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    x, y = torch.sin(u * 1.5) * torch.cos(v * 1.2), torch.sin(v * 1.2) / torch.sin(torch.tensor(1.2))
    z = torch.cos(u * 1.5) * torch.cos(v * 1.2) + 0.3 * torch.exp(-30 * (u**2 + v**2))
    mesh = torch.stack([x * 0.8, y, z * 0.8], -1).view(-1, 3) * 110
    generator = torch.Generator().manual_seed(0)
    yaw, pitch = (torch.rand(2, batch, generator=generator) - 0.5) * torch.tensor([[2.0], [0.6]])
    zero, one = torch.zeros(batch), torch.ones(batch)
    cy, sy, cp, sp = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    turn = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], 1).view(-1, 3, 3)
    nod = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], 1).view(-1, 3, 3)
    n = torch.arange(rows * columns).view(rows, columns)
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    triangles = torch.stack([a, c, b, b, c, d], 1).view(-1, 3)
    return (mesh @ (turn @ nod).transpose(1, 2) + torch.tensor([128.0, 128.0, 0])).contiguous(), triangles


@pytest.fixture
def bench(request, benchmark, machine_floor):
    if "torch._dynamo" in sys.modules:  # what earlier benchmarks compiled counts as recompilations
        torch._dynamo.reset()
    benchmark.group = request.path.stem.removeprefix("bench_")  # files are named after ops
    options, threads = request.config.option, torch.get_num_threads()
    bench = Bench(benchmark, machine_floor, float(options.benchmark_max_time), options.benchmark_min_rounds)
    request.config.stash[RESULTS].append(bench)
    yield bench
    torch.set_num_threads(threads)


@pytest.hookimpl(trylast=True)  # after pytest-benchmark's table
def pytest_terminal_summary(terminalreporter, config):
    lines = [line for bench in config.stash[RESULTS] for line in bench.lines]
    if not lines:
        return
    commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
    shown = machine() | {
        "processor": platform.processor() or platform.machine(),
        "commit": commit["id"][:10] + (" (changed)" if commit["dirty"] else ""),
    }
    terminalreporter.section("benchmarks")
    terminalreporter.write_line("  ".join(f"{key}={value}" for key, value in shown.items()))
    for line in lines:
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"written: {config.option.benchmark_json}")
