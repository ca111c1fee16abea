"""Compiles each CUDA kernel once more with -Xptxas -v; prints registers, shared memory, spills; fails on a spill."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
import setup as build  # noqa: E402


def report(nvcc: Path, include: Path, source: Path, folder: str) -> list[tuple[str, int, int, int]]:
    """(kernel, registers, shared bytes, spilled bytes) of one source for sm_90."""
    command = [nvcc, "-std=c++17", "-O3", "-arch=sm_90", "-Xptxas", "-v", f"-I{ROOT}/csrc", f"-I{include}"]
    run = subprocess.run([*command, "-c", source, "-o", f"{folder}/x.o"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    rows, name, spilled = [], "", 0
    for line in run.stderr.splitlines():
        if found := re.search(r"Compiling entry function '(\w+)'", line):
            name, spilled = found[1], 0
        elif found := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(found[1]) + int(found[2])
        elif found := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            rows.append((name, int(found[1]), int(shared[1]) if shared else 0, spilled))
    return rows


def main() -> int:
    """Prints one line per kernel; returns 1 when one spills."""
    toolkit = build.cuda_toolkit()
    if toolkit is None:
        print("no CUDA toolkit: nothing compiled")
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted((ROOT / "csrc/kernels").glob("*.cu")):
            rows += report(toolkit[0], toolkit[1], source, folder)
    names = subprocess.run(["c++filt"], input="\n".join(r[0] for r in rows), capture_output=True, text=True).stdout
    for name, (_, registers, shared, spilled) in zip(names.splitlines(), rows):
        plain = name.replace("(anonymous namespace)::", "").split("(")[0]
        print(f"{registers:4d} registers {shared:6d} B shared {spilled:4d} B spilled  {plain}")
    return int(any(row[3] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
