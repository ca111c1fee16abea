"""Reconstructs poisoned photos in every way there is, killed and started again, and compares what comes out.

    python scripts/poisoned_runs.py OUT --photos 10000 --poisoned 500 --kills 10

Folder, zip and tar of the same photos (``poisoned_photos.py``) go through `pyface3d reconstruct`, its engine ray and
`examples/without_torch.py`. Each good photo must have one result, the same in all runs, and each poisoned one must be
named once. Then each engine is killed (SIGKILL) at random moments and started again until it ends by itself.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from poisoned_photos import make  # noqa: E402

from pyface3d.foreign.names import printable  # noqa: E402

INPUTS = ("folder", "photos.zip", "photos.tar")
ENGINES = ("reconstruct", "ray", "runtime")
METHOD = "mobile_frnet"  # the fastest
SOME_FAILED = 3  # exit status where photos are bad
TOLERANCE = 2e-3  # of the largest parameter; engines run the network in batches of other sizes, or by another library

Results = tuple[dict[str, np.ndarray], Counter]  # parameters of good photos, and how often each bad one is named


def command_of(engine: str, inputs: pathlib.Path, out: pathlib.Path, weights: pathlib.Path) -> list[str]:
    """The command line of a run."""
    if engine == "runtime":
        script = pathlib.Path(__file__).parents[1] / "examples" / "without_torch.py"
        network, model = weights.with_suffix(".onnx"), weights.with_name("face.npz")
        return [sys.executable, script, network, model, inputs, "--out", out / "faces.jsonl", "--threads", "1"]
    options = [
        "--method",
        METHOD,
        "--weights",
        weights,
        "--detector",
        "whole",
        "--out",
        out,
        "--json",
        "--device",
        "cpu",
    ]
    options += ["--engine", "ray"] if engine == "ray" else ["--save", "csv"]
    return [sys.executable, "-m", "pyface3d", "reconstruct", inputs, *options]


def last(name: str) -> str:
    """The name of a photo below its folder or archive."""
    return name.rsplit("/", 1)[-1]


def results_of(engine: str, out: pathlib.Path, told: str) -> Results:
    """What a run that ended has written; a photo with two results is an error."""
    rows: list[tuple[str, np.ndarray]] = []
    bad: list[str] = []
    if engine == "reconstruct":
        with (out / "faces.csv").open(encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                rows.append((row["photo"], np.array([float(row[key]) for key in row if key.startswith("param_")])))
        bad = [problem.split(": ")[0] for problem in json.loads(told)["problems"]]
    elif engine == "ray":
        import pyarrow.parquet as parquet

        for part in sorted(out.glob("part-*.parquet")):
            for row in parquet.read_table(part, columns=["path", "params", "error"]).to_pylist():
                if row["error"] is None:
                    rows.append((row["path"], np.array(row["params"])))
                else:
                    bad.append(row["path"])
    else:
        for record in map(json.loads, (out / "faces.jsonl").read_text().splitlines()):
            if "error" in record:
                bad.append(record["photo"])
            else:
                rows.append((record["photo"], np.array(record["params"])))
    good = {last(name): values for name, values in rows}
    if len(good) != len(rows):
        raise SystemExit(f"{engine}: {len(rows)} results of {len(good)} photos")
    return good, Counter(map(last, bad))


def check(results: Results, good: set[str], bad: set[str], first: Results, what: str) -> float:
    """Ends the script unless the results are complete and those of the first run; returns the largest difference."""
    rows, named = results
    if rows.keys() != good:
        raise SystemExit(
            f"{what}: missing {sorted(good - rows.keys())[:5]}, strangers {sorted(rows.keys() - good)[:5]}"
        )
    if named != Counter(bad):
        raise SystemExit(f"{what}: bad photos are not named once each: {(named - Counter(bad)).most_common(5)}")
    largest = max(np.abs(values - first[0][name]).max() / np.abs(values).max() for name, values in rows.items())
    if not largest < TOLERANCE:
        raise SystemExit(f"{what}: parameters differ by {largest:.2g} of the largest")
    return float(largest)


def killed(process: subprocess.Popen) -> None:
    """Ends a run at once, with the processes that it started in its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(command: list, after: float | None = None, written: pathlib.Path | None = None) -> tuple[int, str, str]:
    """Exit status and output of a command, killed so long after its start, or after it wrote into ``written``."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(list(map(str, command)), start_new_session=True, text=True, **pipes)
    before = written and content_of(written)
    while written and process.poll() is None and content_of(written) == before:
        time.sleep(0.05)
    try:
        out, err = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        killed(process)
        return -signal.SIGKILL, "", ""
    return process.returncode, out, err


def content_of(folder: pathlib.Path) -> dict[str, int]:
    """Names and sizes of all that is in a folder; what vanishes meanwhile is left out."""
    found = {}
    for path in folder.rglob("*"):
        try:
            found[str(path)] = path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def finished(engine: str, command: list, out: pathlib.Path, what: str) -> Results:
    """A run to its end."""
    status, told, err = run(command)
    if status != SOME_FAILED:
        raise SystemExit(f"{what}: exit status {status}\n{err[-2000:]}")
    return results_of(engine, out, told)


def write_weights(path: pathlib.Path) -> None:
    """An untrained network, as weights, ONNX and face model."""
    import torch

    from pyface3d.methods import create_method, save_weights
    from pyface3d.methods.onnx import export_onnx

    torch.manual_seed(0)
    method = create_method(METHOD).eval()
    save_weights(method, path)
    export_onnx(method, path.with_suffix(".onnx"))
    method.model.save(path.with_name("face.npz"))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--poisoned", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10, help="of each engine")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    photos, weights = options.out / "photos", options.out / "weights.safetensors"
    for place in (photos, *(options.out / engine for engine in ENGINES)):
        shutil.rmtree(place, ignore_errors=True)
    named = make(photos, options.photos, options.poisoned, options.seed)
    good, bad = ({printable(os.fsdecode(name)) for name in names} for names in named)
    write_weights(weights)
    first, chance, took = None, random.Random(options.seed), {}
    for engine in options.engines.split(","):
        for inputs in INPUTS:
            out, begun = options.out / engine / inputs, time.monotonic()
            out.mkdir(parents=True)
            results = finished(engine, command_of(engine, photos / inputs, out, weights), out, f"{engine} {inputs}")
            took[engine] = seconds = time.monotonic() - begun
            first = first or results
            largest = check(results, good, bad, first, f"{engine} {inputs}")
            print(f"{engine:12} {inputs:11} {len(good)} results, {len(bad)} named once, {seconds:6.1f} s, "
                  f"largest difference {largest:.1e}", flush=True)  # fmt: skip
    for engine, seconds in took.items() if options.kills else ():
        _killed_and_started_again(engine, options, seconds, chance, (good, bad, first))
    print("all the same")


def _killed_and_started_again(
    engine: str, options: argparse.Namespace, seconds: float, chance: random.Random, wanted: tuple
) -> None:
    good, bad, first = wanted
    out, kills = options.out / engine / "killed", 0
    out.mkdir()
    command = command_of(engine, options.out / "photos" / "folder", out, options.out / "weights.safetensors")
    while kills < options.kills:
        # every second one while it writes; together they leave a run some work to its last kill
        moment = chance.uniform(0.05, 0.9) * seconds / max(1.0, 0.8 * options.kills)
        status, _, _ = run(command, moment, out if kills % 2 else None)
        if status != -signal.SIGKILL:
            break  # it came to its end between two kills
        kills += 1
    results = finished(engine, command, out, f"{engine}, killed")
    left = sum(path.is_file() for path in out.rglob(".*"))
    check(results, good, bad, first, f"{engine}, killed")
    print(f"{engine:12} killed {kills} times: each photo once; {left} temporary files left for a sweep", flush=True)


if __name__ == "__main__":
    main()
