"""Checks and times every op on a GPU: values against plain torch, equal bits twice, then CUDA graphs by events.

Each row: pyface3d warm and cold (second-level cache flushed before every run), eager torch, torch.compile, and the
floor: the larger of bytes over the device's copy rate and FLOPs over its matrix rate, both measured here. A row that
fails is kept with its error, and the others go on. ``python benchmarks/gpu.py --device cpu --small --check`` runs the
same checks without a GPU.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import torch
from gpu_cases import cases

REPEATS = 20


def tensors(result):
    return list(result) if isinstance(result, tuple) else [result]


def check(case):
    """Largest error relative to the largest value; raises where bits differ between two runs."""
    first, second = tensors(case.ours()), tensors(case.ours())
    for a, b in zip(first, second):
        if not torch.equal(a.nan_to_num(), b.nan_to_num()):
            raise AssertionError("two runs gave different bits")
    if case.expected is None:
        return 0.0
    worst = 0.0
    for a, b in zip(first, tensors(case.expected())):
        if not b.is_floating_point():
            worst = max(worst, float((a.to(b.device) != b).double().mean()))
        elif b.numel():
            worst = max(worst, float((a.to(b.device) - b).abs().max() / b.abs().max().clamp(min=1e-12)))
    if worst > case.tolerance:
        raise AssertionError(f"differs from plain torch by {worst:.1e}, more than {case.tolerance:.0e}")
    return worst


def captured(run):
    """A CUDA graph of a call: replaying it costs the CPU next to nothing, so that only the GPU is timed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def gpu_seconds(run, flush=None, budget=0.3):
    """Median seconds of a call: of its graph, or of calls queued behind a long kernel where it cannot be captured."""
    try:
        replay, graphed = captured(run), True
    except RuntimeError:
        torch.cuda.synchronize()
        replay, graphed = run, False
    busy, times, start = torch.empty(1 << 27, device="cuda"), [], time.perf_counter()
    while len(times) < 10 or time.perf_counter() - start < budget:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        busy.zero_() if flush is None else flush.zero_()
        repeats = 1 if flush is not None or not graphed else REPEATS
        begin.record()
        for _ in range(repeats):
            replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3 / repeats)
    return statistics.median(times)


def machine_rates():
    """Measured FLOP and byte rates."""
    a, source = torch.rand(4096, 4096, device="cuda"), torch.rand(1 << 28, device="cuda")
    target = torch.empty_like(source)
    product, copy = gpu_seconds(lambda: a @ a), gpu_seconds(lambda: target.copy_(source))
    return 2 * 4096**3 / product, 2 * source.nbytes / copy


def measured(case, rates, flush):
    row = {"name": case.name, "error": check(case), "warm": gpu_seconds(case.ours)}
    row["cold"] = gpu_seconds(case.ours, flush)
    row["floor"] = max(case.flops / rates[0], case.bytes_moved / rates[1])
    if case.eager is not None:
        row["eager"] = gpu_seconds(case.eager)
        if case.compiled:
            row["compile"] = gpu_seconds(torch.compile(case.eager))
    return row


def told(row):
    if "failed" in row:
        return f"{row['name']}: FAILED: {row['failed']}"
    if "warm" not in row:
        return f"{row['name']}: error {row['error']:.1e}, bits equal"
    shown = [key for key in ("warm", "cold", "eager", "compile", "floor") if key in row]
    times = "  ".join(f"{key} {row[key] * 1e6:.0f} us" for key in shown)
    return f"{row['name']}: {times}" + (f"  {row['warm'] / row['floor']:.1f}x the floor" if row["floor"] else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="small sizes, for checkers")
    parser.add_argument("--check", action="store_true", help="values and bits only")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--out", default="out/gpu.json")
    options = parser.parse_args()
    out, rows = Path(options.out), []
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"device": options.device, "torch": torch.__version__, "rows": rows}
    rates = flush = None
    if not options.check:
        rates, flush = machine_rates(), torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
        record |= {"device": torch.cuda.get_device_name(), "flops": rates[0], "bytes": rates[1]}
        print(f"{record['device']}: {rates[0] / 1e12:.1f} TFLOP/s, {rates[1] / 1e12:.2f} TB/s")
    for case in cases(torch.device(options.device), options.small):
        if options.only not in case.name:
            continue
        try:
            row = {"name": case.name, "error": check(case)} if options.check else measured(case, rates, flush)
        except Exception as error:  # whatever it is: the next case may do
            row = {"name": case.name, "failed": f"{type(error).__name__}: {error}".splitlines()[0]}
        rows.append(row)
        print(told(row), flush=True)
        part = out.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1))
        os.replace(part, out)
    return any("failed" in row for row in rows)


if __name__ == "__main__":
    sys.exit(main())
