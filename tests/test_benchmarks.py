"""The benchmarks as programs: one for each op; a run is saved, compared with, and a slower one is caught."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyface3d import ops

FOLDER = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are in the source tree only")

SESSIONS = """
import json, pathlib, sys, pytest
sys.path[0] = sys.argv.pop()  # the package under test, not whatever lies in the current folder
folder, storage = map(pathlib.Path, sys.argv[1:])
run = [f"{folder}/bench_synthesize_position_map.py::bench_forward_and_backward[64]", "--benchmark"]
run += ["-p", "no:cacheprovider", "--benchmark-min-rounds=2", "--benchmark-max-time=0"]
run += [f"--benchmark-json={storage}/run.json", f"--benchmark-storage=file://{storage}"]
run += ["--benchmark-columns=min,median,rounds"]
assert pytest.main([*run, "--benchmark-save=first"]) == 0
# two rounds beside other work may take many times as long: only what no such mood explains is a slower run
compared = [*run, "--benchmark-compare=0001", "--benchmark-compare-fail=min:90000%"]
assert pytest.main([*compared, f"--benchmark-histogram={storage}/plot"]) == 0
saved, = storage.glob("*/0001_first.json")
content = json.loads(saved.read_text())
content["benchmarks"][0]["stats"]["min"] /= 1e6  # as if it had once been a million times faster
saved.write_text(json.dumps(content))
try:
    print("slower run:", pytest.main(compared))
except Exception as error:  # pytest-benchmark lets its own through
    print("slower run:", type(error).__name__, error)
"""


def test_every_op_has_a_benchmark():
    pages = {getattr(ops, name).__module__.rpartition(".")[2] for name in ops.__all__}
    without = [page for page in sorted(pages) if not (FOLDER / f"bench_{page}.py").is_file()]
    assert not without, f"add benchmarks/bench_<op>.py for {without}"
    for page in pages:
        assert f"ops.{page}" in (FOLDER / f"bench_{page}.py").read_text(), page


@pytest.mark.alone
def test_saved_run_of_two_repetitions_is_compared(tmp_path):
    package = Path(ops.__file__).parents[2]
    command = [sys.executable, "-W", "ignore", "-c", SESSIONS, str(FOLDER), str(tmp_path), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "run.json").read_text())
    (result,) = record["benchmarks"]
    assert result["group"] == "synthesize_position_map" and result["stats"]["rounds"] == 2
    assert set(result["extra_info"]["ratios"]) == {"not baked", "eager"} and result["extra_info"]["floor"] > 0
    assert record["machine_info"]["simd"] in ("base", "avx2", "avx512") and record["commit_info"]["id"]
    assert "(0001_first)" in done.stdout and "(NOW)" in done.stdout  # both runs in one table
    assert f"simd={record['machine_info']['simd']}  " in done.stdout
    assert f"commit={record['commit_info']['id'][:10]}" in done.stdout
    assert "synthesize_position_map forward+backward B=32 64x64: pyface3d " in done.stdout
    assert list(tmp_path.glob("plot*.svg"))
    assert "slower run: PerformanceRegression" in done.stdout or "slower run: 1" in done.stdout, done.stdout
