"""Parsers that can crash run in a process of their own, with limits on memory and time.

A child gets a line of JSON on its standard input and answers with a line of JSON and bytes on its standard output.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST_LINE = 1 << 20
_PIPE = 1 << 20  # bytes on the way: a picture passes in few turns of the two processes, and the next one is ready
_ROOM = 2 << 30  # bytes of address space for Python and the parser's library themselves


class Child:
    """A process that runs ``python -m module``.

    Args:
        module: the module, which reads :func:`requests` and gives each its :func:`answer`.
    """

    def __init__(self, module: str) -> None:
        # modules come from where this process has them, but not from the current folder, which may be a stranger's
        path = [os.path.abspath(entry) for entry in sys.path if entry]
        code = f"import sys; sys.path[:] = {path!r}; import runpy; runpy.run_module({module!r}, run_name='__main__')"
        environment = os.environ | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        _widen(self._out)
        self._waiting = b""

    def ask(self, request: dict[str, Any], memory: int) -> None:
        """Sends a request, with the bytes of address space that it may take beyond what Python itself needs."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the answer will be missing
            self._process.stdin.write(json.dumps({**request, "memory": memory + _ROOM}).encode() + b"\n")
            self._process.stdin.flush()

    def line(self, seconds: float) -> dict[str, Any]:
        """The next line of the answer.

        Raises:
            ValueError: the child crashed, ran out of memory or did not answer in time.
        """
        until = time.monotonic() + seconds
        while b"\n" not in self._waiting:
            if len(self._waiting) > _LONGEST_LINE:
                raise ValueError("its parser answers nonsense")
            self._waiting += self._some(until, 1 << 16)
        line, _, self._waiting = self._waiting.partition(b"\n")
        return json.loads(line)

    def take(self, count: int, seconds: float) -> NDArray[np.uint8]:
        """The next bytes (count,); errors as ``line``."""
        until = time.monotonic() + seconds
        whole = np.empty(count, np.uint8)
        there = self._waiting[:count]
        whole[: len(there)] = np.frombuffer(there, np.uint8)
        self._waiting = self._waiting[count:]
        left = whole.data[len(there) :]
        while left:
            self._wait(until)
            left = left[self._ended_at_zero(os.readv(self._out, [left])) :]
        return whole

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()

    def _some(self, until: float, most: int) -> bytes:
        self._wait(until)
        piece = os.read(self._out, most)
        self._ended_at_zero(len(piece))
        return piece

    def _wait(self, until: float) -> None:
        ready, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise ValueError("its parser did not answer in time")

    def _ended_at_zero(self, count: int) -> int:
        """The count of bytes that were read; none where something was to come means that the child ended."""
        if not count:
            raise ValueError(f"its parser stopped (exit status {self._process.wait()})")
        return count


def _widen(pipe: int) -> None:
    with suppress(ImportError, AttributeError, OSError):  # Linux can, up to what the system allows a user
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


_kept: list[dict[str, Child]] = []


@contextmanager
def kept_readers() -> Iterator[None]:
    """One process of each parser reads all files inside the block; without it each file costs the start of one."""
    _kept.append({})
    try:
        yield
    finally:
        for child in _kept.pop().values():
            child.close()


@contextmanager
def reader(module: str) -> Iterator[Child]:
    """A process that runs ``python -m module``; one that failed, or was left in the middle, reads no other file."""
    kept = _kept[-1] if _kept else {}
    child = kept.pop(module, None) or Child(module)
    healthy = False
    try:
        yield child
        healthy = True
    except ToldError:
        healthy = True
        raise
    finally:
        if _kept and healthy:
            _kept[-1][module] = child
        else:
            child.close()


class ToldError(ValueError):
    """A sentence of the child, which goes on."""


def requests() -> Iterator[dict[str, Any]]:
    """In the child: what is asked, each under its limit on memory."""
    while line := sys.stdin.buffer.readline(_LONGEST_LINE):
        asked = json.loads(line)
        try:
            import resource
        except ImportError:  # there is none outside Unix
            yield asked
            continue
        resource.setrlimit(resource.RLIMIT_AS, (asked["memory"], resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        yield asked


def answer(line: dict[str, Any], *pieces: Any) -> None:
    """In the child: writes a line and the bytes that it announces."""
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
