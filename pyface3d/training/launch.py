"""A training in processes of its own: one for each core of a CPU or each GPU, with memory as training wants it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MOST = 8  # processes on a CPU, when nothing else is said
# Blocks of a step are kept for the next one, in huge pages; glibc would give them back and fault them in again.
ALLOCATOR = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=16000000000"
ERRORS = {e.__name__: e for e in (ValueError, FloatingPointError, FileNotFoundError, RuntimeError, TypeError, OSError)}


def available_cores() -> int:
    """Cores that this process may run on: fewer than the machine's under ``taskset`` or in a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_processes(batch_size: int, cores: int | None = None) -> int:
    """As many processes as there are cores, at most 8, that split a batch evenly.

    Example:
        >>> default_processes(64, cores=2), default_processes(9, cores=2)
        (2, 1)
    """
    most = min(cores or available_cores(), MOST)
    return next(count for count in range(most, 0, -1) if batch_size % count == 0)


def launch(job: dict[str, Any], processes: int, threads: int) -> dict[str, Any]:
    """Runs ``run_training(**job)`` in several processes that average their gradients, and returns its result.

    When one ends with an error, or this process is interrupted, the others are ended too.

    Args:
        job: arguments that JSON can hold.
        processes: how many.
        threads: of each.

    Raises:
        ValueError, FloatingPointError, OSError, RuntimeError: what a process raised, with its sentence.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = [Path(folder) / f"{rank}.json" for rank in range(processes)]
        (Path(folder) / "job.json").write_text(json.dumps(job))
        common = _environment(processes, threads)
        crew = []
        try:
            for rank in range(processes):
                command = [sys.executable, "-m", "pyface3d.training", folder]
                places = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                quiet = {} if rank == 0 else {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                crew.append(subprocess.Popen(command, env={**common, **places}, **quiet))  # type: ignore[call-overload]
            _wait(crew)
        finally:
            _end(crew)
        told = [json.loads(file.read_text()) for file in results if file.exists()]
        for result in told:
            if "error" in result:
                raise ERRORS.get(result["kind"], RuntimeError)(result["error"])
        if len(told) < processes:
            codes = ", ".join(str(process.returncode) for process in crew)
            raise RuntimeError(f"train: a process ended without a result (exit codes {codes}); --debug shows more")
        return told[0]


def _environment(processes: int, threads: int) -> dict[str, str]:
    """What torchrun would set, and the allocator."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    world = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "TORCHELASTIC_RUN_ID": "pyface3d"}
    world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GROUP_RANK": "0", "PYTHONPATH": path}
    memory = {"GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", ALLOCATOR), "OMP_NUM_THREADS": str(threads)}
    return {**os.environ, **world, **memory}


def _wait(crew: list[subprocess.Popen]) -> None:
    """Until all have ended, or one has failed."""
    while any(process.poll() is None for process in crew):
        if any(process.returncode for process in crew):
            time.sleep(1.0)  # the others may have the same to say
            return
        time.sleep(0.1)


def _end(crew: list[subprocess.Popen]) -> None:
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        running = [process for process in crew if process.poll() is None]
        for process in running:
            process.send_signal(sent)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
