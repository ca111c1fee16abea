"""Compiles each CUDA kernel once more with -Xptxas -v for every architecture of the build.

Prints registers, shared memory and spills, then the work of the largest kernels beside its floor and what they are
expected to take (scripts/cuda_floors.py); fails on a spill, and where the host calls a function of the device: in
templates nvcc compiles that without a word, to an end of the process.
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
import cuda_floors  # noqa: E402

import setup as build  # noqa: E402

Row = tuple[str, str, int, int, int]


def report(nvcc: Path, include: Path, source: Path, folder: str) -> list[Row]:
    """(kernel, architecture, registers, shared bytes, spilled bytes) of one source."""
    flags = [
        "-std=c++17",
        "-O3",
        *build.cuda_flags(build.cuda_version(include)).split(),
        "-Xptxas",
        "-v",
        f"-I{ROOT}/csrc",
        f"-I{include}",
    ]
    made = f"{folder}/{source.stem}.o"
    run = subprocess.run([nvcc, *flags, "-c", source, "-o", made], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    if ends_the_process(made):
        sys.exit(f"{source.name}: host code calls a __device__ function, for which nvcc puts exit() there")
    rows, name, target, spilled = [], "", "", 0
    for line in run.stderr.splitlines():
        if found := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            name, target, spilled = found[1], found[2], 0
        elif found := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(found[1]) + int(found[2])
        elif found := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            rows.append((name, target, int(found[1]), int(shared[1]) if shared else 0, spilled))
    return rows


def ends_the_process(made: str) -> bool:
    """Whether an object calls exit(), which no kernel's source does."""
    needed = subprocess.run(["nm", "--undefined-only", made], capture_output=True, text=True, check=True).stdout
    return "exit" in needed.split()


def summary(rows: list[Row]) -> str:
    """One line for each architecture: its kernels, and the largest of each figure."""
    lines = []
    for target in sorted({row[1] for row in rows}):
        mine = [row for row in rows if row[1] == target]
        registers, shared, spilled = (max(row[k] for row in mine) for k in (2, 3, 4))
        spilling = f"{sum(row[4] > 0 for row in mine)} spill (at most {spilled} B)"
        lines.append(f"{target}: {len(mine)} kernels, at most {registers} registers and {shared} B shared, {spilling}")
    return "\n".join(lines)


def main() -> int:
    """Prints one line per kernel and architecture, a summary and the floors; returns 1 when a kernel spills."""
    toolkit = build.cuda_toolkit()
    if toolkit is None:
        print("no CUDA toolkit: nothing compiled")
        return 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        sources = sorted((ROOT / "csrc/kernels").glob("*.cu"))
        rows = [row for part in pool.map(lambda source: report(*toolkit[:2], source, folder), sources) for row in part]
    names = subprocess.run(["c++filt"], input="\n".join(r[0] for r in rows), capture_output=True, text=True).stdout
    figures = {}
    for name, (_, target, registers, shared, spilled) in zip(names.splitlines(), rows):
        plain = name.replace("(anonymous namespace)::", "").replace("pyface3d::", "").split("(")[0]
        print(f"{target}  {registers:4d} registers {shared:6d} B shared {spilled:4d} B spilled  {plain}")
        if target == "sm_90":
            figures[plain] = registers, shared
    print(summary(rows), "", cuda_floors.table(figures), sep="\n")
    return int(any(row[4] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
