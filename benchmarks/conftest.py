"""`pytest benchmarks --benchmark`: times candidates in turns; prints ratios and the machine's floor, writes JSON."""

import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pyface3d import _ext

RESULTS = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption("--benchmark", action="store_true", help="run the benchmarks (they are skipped otherwise)")
    parser.addoption("--benchmark-out", default="out/benchmarks.json", help="where the figures are written as JSON")


def pytest_configure(config):
    config.stash[RESULTS] = []


def pytest_collection_modifyitems(config, items):
    if config.getoption("--benchmark"):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="a benchmark: pass --benchmark"))


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turns(candidates: dict[str, Callable[[], object]], budget: float) -> dict[str, dict[str, float]]:
    """Median and quartiles of each candidate, run in turns so that the machine's moods hit all of them alike."""
    for run in candidates.values():
        run(), run()  # warm-up: compilation, caches, pages
    times: dict[str, list[float]] = {name: [] for name in candidates}
    start = time.perf_counter()
    while min(map(len, times.values())) < 5 or time.perf_counter() - start < budget:
        for name, run in candidates.items():
            times[name].append(seconds(run))
    quartiles = {name: statistics.quantiles(values, n=4) for name, values in times.items()}
    return {name: dict(zip(("q1", "median", "q3"), q)) | {"runs": len(times[name])} for name, q in quartiles.items()}


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
    """What a benchmark uses: ``compare`` times, ``memory`` measures, ``note`` records any other figure."""

    def __init__(self, results: list, floor: dict[str, float]):
        self.results, self.floor = results, floor

    def compare(self, name, candidates, *, flops=0.0, bytes_moved=0.0, budget=3.0) -> dict[str, float]:
        """Times ``candidates`` ("pyface3d" among them); returns how many times slower each of the others is."""
        times = in_turns(candidates, budget)
        ours = times["pyface3d"]["median"]
        floor = max(flops / self.floor["flops_per_second"], bytes_moved / self.floor["bytes_per_second"])
        ratios = {other: t["median"] / ours for other, t in times.items() if other != "pyface3d"}
        above = ours / floor if floor else None
        self.results.append({"name": name, "times": times, "ratios": ratios, "floor": floor, "floor_ratio": above})
        return ratios

    def memory(self, name, candidates) -> dict[str, float]:
        """Peak extra resident bytes of each candidate."""
        peaks = {key: peak_memory(run) for key, run in candidates.items()}
        self.results.append({"name": name, "peak_bytes": peaks})
        return peaks

    def note(self, name, **figures) -> None:
        """Records figures that are neither times nor bytes."""
        self.results.append({"name": name, "figures": figures})


@pytest.fixture(scope="session")
def machine_floor() -> dict[str, float]:
    """The machine's measured rates: float32 matrix product and copy."""
    a = torch.rand(1024, 1024)
    source, target = torch.rand(1 << 25), torch.rand(1 << 25)  # 128 MB each: beyond the caches
    product = in_turns({"x": lambda: a @ a}, 0.5)["x"]["median"]
    copy = in_turns({"x": lambda: target.copy_(source)}, 0.5)["x"]["median"]
    return {"flops_per_second": 2 * 1024**3 / product, "bytes_per_second": 2 * source.nbytes / copy}


@pytest.fixture
def bench(request, machine_floor) -> Bench:
    torch._dynamo.reset()
    return Bench(request.config.stash[RESULTS], machine_floor)


def line_of(result: dict) -> str:
    if "times" in result:
        medians = {name: 1e3 * t["median"] for name, t in result["times"].items()}
        parts = [f"pyface3d {medians['pyface3d']:.3f} ms"]
        parts += [f"{name} {medians[name]:.2f} ms ({ratio:.1f}x)" for name, ratio in result["ratios"].items()]
        if result["floor"]:
            parts.append(f"floor {result['floor'] * 1e3:.2f} ms (pyface3d {result['floor_ratio']:.1f}x it)")
    elif "peak_bytes" in result:
        parts = [f"{name} {peak / 1e6:.1f} MB" for name, peak in result["peak_bytes"].items()]
    else:
        parts = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in result["figures"].items()]
    return f"{result['name']}: {'  '.join(parts)}"


def pytest_terminal_summary(terminalreporter, config):
    results = config.stash[RESULTS]
    if not results:
        return
    machine = {
        "simd": _ext.simd_level(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    terminalreporter.section("benchmarks")
    terminalreporter.write_line("  ".join(f"{key}={value}" for key, value in machine.items()))
    for result in results:
        terminalreporter.write_line(line_of(result))
    out = Path(config.getoption("--benchmark-out"))
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    partial.write_text(json.dumps({"machine": machine, "results": results}, indent=1))
    os.replace(partial, out)
    terminalreporter.write_line(f"written: {out}")
