"""Takes every barrier out of the CUDA kernels, one at a time, and shows that the emulator names the race.

python scripts/plant_races.py

A copy of the tree is built with PYFACE3D_EMULATE_CUDA=1; then each ``__syncthreads()`` in csrc/kernels is deleted, what
depends on it is compiled anew, and tests/emulation/test_races.py runs. A barrier whose absence shows nowhere is either
not needed, or stands in a path that no sample of the records reaches.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BARRIER = re.compile(r"^ *__syncthreads\(\);.*\n", re.MULTILINE)


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy, which is imported before anything that is installed."""
    environment = {**os.environ, "PYFACE3D_EMULATE_CUDA": "1", "PYTHONPATH": str(tree)}
    return subprocess.run([sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True)


def build(tree: Path) -> None:
    """Compiles what changed."""
    done = run(tree, "setup.py", "-q", "build_ext", "--inplace")
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])


def caught(tree: Path) -> str:
    """What the first failing test says; empty: nothing fails."""
    done = run(tree, "-m", "pytest", "-q", "-x", "tests/emulation/test_races.py", "-p", "no:cacheprovider")
    if done.returncode == 0:
        return ""
    said = re.findall(r"^E +(.*(?:race|barrier|seed).*)$", done.stdout, re.MULTILINE)
    return said[0] if said else done.stdout[-300:] or f"the tests end with {done.returncode}"


def main() -> int:
    """All barriers; 1 when one of them is not missed."""
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(tree)], check=True)
        build(tree)
        for source in sorted((tree / "csrc/kernels").glob("*.cu*")):
            text = source.read_text()
            for found in BARRIER.finditer(text):
                source.write_text(text[: found.start()] + text[found.end() :])
                build(tree)
                said = caught(tree)
                line = text.count("\n", 0, found.start()) + 1
                print(f"{source.name}:{line}: {said or 'NOT CAUGHT'}", flush=True)
                missed += not said
            source.write_text(text)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
