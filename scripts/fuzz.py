"""Feeds changed files to every reader: `python scripts/fuzz.py --minutes 5 [FORMAT ...]`.

A reader may answer, or raise ValueError or OSError with the file's name; anything else, a crash, five seconds of
silence or a gigabyte more memory is a failure, whose file is kept. Mutations that reach new lines of the library or new
sentences join the corpus and are changed further. The same seed makes the same files: `--seed N --count M` repeats a
run; `--file PATH FORMAT` gives one kept file to its reader.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import select
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from fuzz_formats import FORMATS  # noqa: E402
from fuzz_mutations import mutate  # noqa: E402

from pyface3d.foreign.child import kept_readers  # noqa: E402

LONGEST = 5.0  # seconds of the processor for one file
PATIENCE = 60.0  # seconds of the clock, on a machine that is busy with other things
MEMORY = 1 << 30  # bytes beyond what the libraries take
MOST = 1000  # MB of a process, whatever it had loaded before
LARGEST_CORPUS = 300
MEASURED = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
FOLLOWED, EVERY = 500, 32  # lines are followed in the first files and then in some: it takes most of the time


class Corpus:
    """Files that did something new, the first one valid."""

    def __init__(self, folder: pathlib.Path | None, valid: bytes) -> None:
        self.folder, self.files, self.known = folder, [valid], set()
        for path in sorted(folder.iterdir()) if folder and folder.is_dir() else []:
            self.files.append(path.read_bytes())

    def add(self, content: bytes, signs: set, name: str) -> None:
        """Keeps a file whose signs are new."""
        if signs <= self.known or len(self.files) >= LARGEST_CORPUS:
            return
        self.known |= signs
        self.files.append(content)
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)


def watched(read, path: pathlib.Path, follow: bool = True) -> tuple[str, set]:
    """The outcome of one file, and lines of the library that ran, where they are followed."""
    lines: set = set()

    def trace(frame, event, argument):
        name = frame.f_code.co_filename
        if "pyface3d" not in name:
            return None
        lines.add((name, frame.f_lineno))
        return trace

    sys.settrace(trace if follow else None)
    try:
        read(path)
        outcome = "read"
    except (ValueError, OSError) as error:
        outcome = "refused" if path.name in str(error) else f"a sentence without the file's name: {error!r}"
    except BaseException as error:  # whatever is no sentence is a finding
        outcome = f"{type(error).__name__}: {error}"
    finally:
        sys.settrace(None)
    return outcome, lines


def work(name: str, seed: int, start: int, count: int, corpus: pathlib.Path | None, scratch: str) -> None:
    """In the child: one mutation after the other, each announced before it is read."""
    entry = FORMATS[name]
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries write to standard output what they think of a file
    folder = pathlib.Path(scratch)
    path = folder / f"hostile{entry.suffix}"
    entry.write(path)
    entry.read(path)  # the valid file must be read, and the libraries are loaded
    files = Corpus(corpus, path.read_bytes())
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    highest = 0
    for index in range(start, start + count):
        random = np.random.default_rng([seed, index])
        start_from = 0 if random.random() < 0.5 else int(random.integers(len(files.files)))  # the valid one, or any
        content = mutate(files.files[start_from], files.files, random)
        path.write_bytes(content)
        print(json.dumps({"index": index}), file=channel, flush=True)
        begun, clock = time.process_time(), time.monotonic()
        follow = index < FOLLOWED or index % EVERY == 0
        outcome, signs = watched(entry.read, path, follow)
        seconds, waited = time.process_time() - begun, time.monotonic() - clock
        files.add(content, signs | {re.sub(r"\d+", "#", outcome)}, f"{seed}-{index}{entry.suffix}")
        peak = max(resource.getrusage(who).ru_maxrss for who in MEASURED) // 1024
        # a peak stays: the first file that reaches it is to blame
        outcome, highest = f"a process of {peak} MB" if peak > MOST >= highest else outcome, max(highest, peak)
        if outcome not in ("read", "refused"):
            (folder / f"{index}{entry.suffix}").write_bytes(content)  # the next one takes its place at once
        told = {"index": index, "outcome": outcome, "peak": peak, "seconds": seconds, "clock": waited}
        print(json.dumps(told), file=channel, flush=True)


def processor_seconds(process: int) -> float:
    """What a process has used of the processor; 0 where that is not known."""
    try:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


class Run:
    """All mutations of one format: starts a child, watches its clock, and starts another one where it dies.

    Args:
        name: of the format.
        seed: of the mutations.
        corpus: folder of files that did something new, or None.
        kept: folder for files that failed.
    """

    def __init__(self, name: str, seed: int, corpus: pathlib.Path | None, kept: pathlib.Path) -> None:
        self.name, self.seed, self.corpus, self.kept = name, seed, corpus, kept
        self.read = self.refused = self.peak = self.index = 0
        self.slowest = self.longest = 0.0  # by the processor, and by the clock, which counts other processes too
        self.failures: list[str] = []

    def go(self, count: int, until: float) -> None:
        """Up to ``count`` mutations, or until a time."""
        end = self.index + count
        while self.index < end and time.monotonic() < until:
            with tempfile.TemporaryDirectory() as scratch:
                self._child(end - self.index, until, scratch)

    def _child(self, count: int, until: float, scratch: str) -> None:
        arguments = [self.name, str(self.seed), str(self.index), str(count), str(self.corpus or ""), scratch]
        command = [sys.executable, os.path.abspath(__file__), "--work", *arguments]
        with open(os.path.join(scratch, "log"), "wb") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        silent = self._follow(process, until, scratch)
        if process.poll() is None and (silent or time.monotonic() >= until):
            process.kill()
        status = process.wait()
        process.stdout.close()
        if silent or (status != 0 and time.monotonic() < until):
            tail = (pathlib.Path(scratch) / "log").read_text(errors="replace")[-400:]
            self._fail(silent or f"exit status {status} {tail}", scratch)
            self.index += 1

    def _follow(self, process: subprocess.Popen, until: float, scratch: str) -> str:
        """Reads what the child tells until it ends; a sentence if it must be stopped."""
        begun, used, waiting, running = time.monotonic(), 0.0, b"", False
        while time.monotonic() < until:
            ready, _, _ = select.select([process.stdout], [], [], 0.5)
            now = time.monotonic()
            if not ready:
                if running and (processor_seconds(process.pid) - used > LONGEST or now - begun > PATIENCE):
                    return f"silent for more than {LONGEST:.0f} s"
                if now - begun > 10 * PATIENCE:
                    return "does not start"
                continue
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return ""
            *lines, waiting = (waiting + piece).split(b"\n")
            for told in map(json.loads, lines):
                running = "outcome" not in told
                if not running:
                    self._note(told, scratch)
                self.index = told["index"] + (not running)
            begun, used = now, processor_seconds(process.pid)
        return ""

    def _note(self, told: dict, scratch: str) -> None:
        self.slowest, self.peak = max(self.slowest, told["seconds"]), max(self.peak, told["peak"])
        self.longest = max(self.longest, told["clock"])
        if told["outcome"] == "read":
            self.read += 1
        elif told["outcome"] == "refused":
            self.refused += 1
        else:
            self._fail(told["outcome"], scratch, told["index"])

    def _fail(self, outcome: str, scratch: str, index: int | None = None) -> None:
        index = self.index if index is None else index
        suffix = FORMATS[self.name].suffix
        self.failures.append(f"{self.name} {self.seed}-{index}: {outcome}")
        self.kept.mkdir(parents=True, exist_ok=True)
        own, last = (pathlib.Path(scratch) / f"{name}{suffix}" for name in (index, "hostile"))
        source = own if own.exists() else last  # which killed the child, or is hanging
        (self.kept / f"{self.name}-{self.seed}-{index}{suffix}").write_bytes(source.read_bytes())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(FORMATS)}; default: all")
    parser.add_argument("--minutes", type=float, default=1.0, help="for all formats together")
    parser.add_argument("--count", type=int, help="mutations of each format, whatever they take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=pathlib.Path, help="folder of what did something new")
    parser.add_argument("--kept", type=pathlib.Path, default=pathlib.Path("fuzz-failures"), help="folder for failures")
    parser.add_argument("--file", type=pathlib.Path, help="give this file to the reader of the one format named")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        name, seed, start, count, corpus, scratch = options.formats
        with kept_readers():
            work(name, int(seed), int(start), int(count), pathlib.Path(corpus) if corpus else None, scratch)
        return
    unknown = set(options.formats) - FORMATS.keys()
    if unknown:
        parser.error(f"unknown formats: {', '.join(sorted(unknown))}; known: {', '.join(FORMATS)}")
    names = options.formats or list(FORMATS)
    if options.file:
        print(watched(FORMATS[names[0]].read, options.file)[0])
        return
    failures = []
    share = options.minutes * 60 / len(names)
    for name in names:
        corpus = options.corpus / name if options.corpus else None
        run, begun = Run(name, options.seed, corpus, options.kept), time.monotonic()
        run.go(options.count or 1 << 40, begun + (1e9 if options.count else share))
        seconds = time.monotonic() - begun
        print(
            f"{name:22} {run.read + run.refused + len(run.failures):6} files {run.refused:6} refused "
            f"{len(run.failures):3} failures {seconds:7.1f} s, slowest {run.slowest:.2f} s "
            f"({run.longest:.2f} s by the clock), peak {run.peak} MB",
            flush=True,
        )
        failures += run.failures
    sys.exit("\n".join(failures[:50]) or 0)


if __name__ == "__main__":
    main()
