"""The emulator of CUDA catches what it is there to catch: kernels with one planted fault each, in twenty orders."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCES = [HERE / name for name in ("planted.cpp", "emulator.cpp", "shadow.cpp")]
CXX = os.environ.get("CXX", "c++").split()[0]
SEEDS = range(20)
pytestmark = pytest.mark.skipif(
    not shutil.which(CXX) or not (HERE.parents[1] / "csrc").is_dir(), reason="needs a compiler and the kernels' sources"
)


def build(folder, *flags):
    common = [CXX, "-std=c++17", "-O1", "-DPYFACE3D_EMULATE_CUDA", f"-I{HERE}", f"-I{HERE.parents[1]}/csrc"]
    objects = []
    for source in SOURCES:
        objects.append(folder / f"{source.stem}.o")
        own = flags if source.stem == "planted" else [flag for flag in flags if "address" in flag]
        subprocess.run([*common, *own, "-c", source, "-o", objects[-1]], check=True)
    linked = [flag for flag in flags if "address" in flag]
    subprocess.run([CXX, *linked, *objects, "-o", folder / "planted"], check=True)
    return folder / "planted"


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return build(tmp_path_factory.mktemp("planted"), "-fsanitize=thread")


def run(program, name, seed):
    """What the emulator said, and the result's first value and sum."""
    environment = {**os.environ, "PYFACE3D_EMULATION_SEED": str(seed)}
    if seed is None:
        del environment["PYFACE3D_EMULATION_SEED"]
    done = subprocess.run([program, name], capture_output=True, text=True, env=environment, check=True)
    said, numbers = done.stdout.splitlines()
    return said, numbers


@pytest.mark.parametrize("name", ["clean", "shuffled"])
def test_a_kernel_without_fault_has_the_same_bits_in_every_order(name, planted):
    assert {run(planted, name, seed) for seed in [*SEEDS, None]} == {run(planted, name, 0)}
    assert run(planted, name, 0)[0] == "nothing"


def test_lanes_of_a_warp_exchange_their_values(planted):
    sums = [0.0] * 2  # of the first warp, and of all, each warp's 32 times
    for warp in range(48):
        total = sum(1 / ((warp * 32 + lane) % 97 + 1) for lane in range(32))
        sums = [sums[0] or total, sums[1] + 32 * total]
    found = [float(x) for x in run(planted, "shuffled", 0)[1].split()]
    assert found == pytest.approx(sums, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing_barrier", "race in shared memory"),
        ("barrier_too_late", "race in shared memory"),
        ("block_order", "race in global memory"),
        ("neighbours", "race in global memory"),
        ("divergent", "not all threads of the block reach a barrier (planted.cpp:"),
        ("absent", "not all lanes of a warp come to an exchange (warp:0)"),
        ("two_barriers", "threads of one block wait at different barriers (planted.cpp:"),
    ],
)
def test_faults_are_named(planted, name, sentence):
    for seed in SEEDS:
        assert run(planted, name, seed)[0].startswith(sentence)


def test_sums_by_float_atomics_differ_between_orders(planted):
    results = [run(planted, "float_atomics", seed) for seed in SEEDS]
    assert {said for said, _ in results} == {"nothing"}  # atomics do not race: the bits tell
    assert len({numbers for _, numbers in results}) > 1


def test_shared_memory_that_nobody_wrote_is_nan(planted):
    said, numbers = run(planted, "unwritten", 0)
    assert "nan" in numbers and said == "nothing"
    assert "nan" not in run(planted, "unwritten", None)[1]  # zero, as it happens: without poison nothing would show


def test_the_address_sanitizer_sees_reads_past_the_end(tmp_path):
    program = build(tmp_path, "-fsanitize=address")
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    clean = subprocess.run([program, "clean"], capture_output=True, text=True, env=environment)
    assert clean.returncode == 0, clean.stderr
    beyond = subprocess.run([program, "beyond"], capture_output=True, text=True, env=environment)
    assert beyond.returncode != 0 and "heap-buffer-overflow" in beyond.stderr
