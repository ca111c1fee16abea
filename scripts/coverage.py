"""Branch coverage of csrc/kernels under each instruction set, by gcov: ``python scripts/coverage.py``.

Copies the tree, builds it with counters in the kernels, runs the op tests under every instruction set that this CPU
has, and prints covered and total branches per file, and the source of each line with a branch that was never taken. A
branch of a template counts as taken when one of its instances takes it; an inlined function has its branches anew
wherever it is used, and some callers never ask one of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEVELS = ("base", "avx2", "avx512")
SKIPPED = "not compilation and not opcheck and not instruction"  # they run no kernel that the others do not

Branch = tuple[str, int, int]  # file, line, ordinal within the line


def build(tree: Path) -> None:
    """Copies the tracked files and compiles them with counters."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((ROOT / name).read_bytes())
    environment = os.environ | {"PYFACE3D_COVERAGE": "1", "PYFACE3D_CUDA": "0"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)


def run_tests(tree: Path, level: str) -> str:
    """Runs the op tests; returns the instruction set that was in use."""
    environment = os.environ | {"PYFACE3D_SIMD": level, "PYTHONPATH": str(tree)}
    tests = [sys.executable, "-m", "pytest", "-q", "-k", SKIPPED, "-p", "no:cacheprovider", "tests/ops"]
    subprocess.run(tests, cwd=tree, env=environment, check=True)
    code = "from pyface3d import _ext; print(_ext.simd_level())"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def branches(tree: Path, level: str) -> dict[Branch, bool]:
    """Whether each branch of the kernels compiled for ``level`` was taken."""
    taken: dict[Branch, bool] = defaultdict(bool)
    for counts in sorted(tree.glob(f"build/**/kernel_*_{level}.gcda")):
        command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", str(counts)]
        report = subprocess.run(command, capture_output=True, text=True, check=True, cwd=counts.parent).stdout
        for document in report.splitlines():
            for source in json.loads(document)["files"]:
                name = Path(source["file"])
                if name.parent.name != "kernels":
                    continue
                for line in source["lines"]:
                    for i, branch in enumerate(b for b in line["branches"] if not b["throw"]):
                        taken[name.name, line["line_number"], i] |= branch["count"] > 0
    return taken


def report(level: str, taken: dict[Branch, bool]) -> float:
    """Prints one instruction set's coverage; returns it in percent."""
    files = defaultdict(list)
    for (name, *_), hit in taken.items():
        files[name].append(hit)
    percent = 100 * sum(taken.values()) / max(len(taken), 1)
    print(f"{level}: {sum(taken.values())} of {len(taken)} branches, {percent:.1f} %")
    for name, hits in sorted(files.items()):
        print(f"  {name:32} {sum(hits):4} of {len(hits):4}")
        source = (ROOT / "csrc/kernels" / name).read_text().splitlines()
        for line in sorted({line for (file, line, _), hit in taken.items() if file == name and not hit}):
            print(f"    never taken: {line}: {source[line - 1].strip()}")
    return percent


def main() -> int:
    """Returns 1 where an instruction set falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--least", type=float, default=95, help="percent of branches that each set must reach")
    parser.add_argument("--tree", type=Path, help="an earlier run's copy, built already; default: a new one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = options.tree or Path(folder)
        if not options.tree or not (tree / "setup.py").exists():
            tree.mkdir(parents=True, exist_ok=True)
            build(tree)
        reached = []
        for level in LEVELS:
            if run_tests(tree, level) != level:
                print(f"{level}: this CPU does not have it")
                continue
            reached.append(report(level, branches(tree, level)))
    return int(min(reached) < options.least)


if __name__ == "__main__":
    sys.exit(main())
