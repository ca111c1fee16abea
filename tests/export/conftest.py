"""Saves that run out of space, in processes of their own: what stood there before must stand there still."""

import json
import subprocess
import sys

import pytest

JUDGE = """
BEFORE = b"what stood here before"


def judged(folder, save, whole):
    '''What is wrong after a save that had to fail.'''
    try:
        save(folder)
        wrong = "no error"
    except (OSError, UserWarning) as error:
        wrong = "" if any(name in str(error) for name in whole) else f"a sentence without a name: {error}"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    several = len(whole) > 1  # those before the one that failed are new, and whole
    changed = [
        name for name, content in whole.items() if (folder / name).read_bytes() not in (BEFORE, several and content)
    ]
    left = {entry.name for entry in folder.iterdir()} - whole.keys() - {"filler"}
    return wrong + (f" changed {changed}" if changed else "") + (f" left {left}" if left else "")


def prepared(place, name, save):
    '''What a save writes, and a folder with older files of the same names.'''
    folder = place / name
    folder.mkdir()
    save(folder)
    whole = {entry.name: entry.read_bytes() for entry in folder.iterdir()}
    for file in whole:
        (folder / file).write_bytes(BEFORE)
    return folder, whole
"""
LIMITED = """
told = {}
for name, save in SAVERS.items():
    folder, whole = prepared(Path(sys.argv[1]), name, save)
    largest, told[name] = max(map(len, whole.values())), []
    for limit in sorted({0, 1, 16, largest // 2, largest - 1}):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        wrong = judged(folder, save, whole)
        told[name] += [f"{limit} of {largest} bytes: {wrong}"] if wrong else []
        for file in whole:
            (folder / file).write_bytes(BEFORE)
print(json.dumps(told))
"""
FULL = """
told = {}
for name, save in SAVERS.items():
    folder, whole = prepared(Path(sys.argv[1]), name, save)
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        stream.truncate(max(0, stream.tell() - FREE))
    wrong = judged(folder, save, whole)
    filler.unlink()
    told[name] = [wrong] if wrong else []
print(json.dumps(told))
"""


@pytest.fixture
def told_of(tmp_path):
    """What is wrong with each of the ``SAVERS`` of a program, which take a folder, on a "limited" or a "full" disk."""

    def run(program, disk):
        before = []
        if disk == "full":
            mount = 'mount -t tmpfs -o size=64m none "$1" && shift && exec "$@"'
            before = ["unshare", "--mount", "sh", "-c", mount, "sh", str(tmp_path)]
            try:
                if subprocess.run([*before, "true"], capture_output=True).returncode:
                    pytest.skip("a file system cannot be mounted here")
            except FileNotFoundError:
                pytest.skip("no unshare")
        code = program + JUDGE + {"limited": LIMITED, "full": FULL}[disk]
        done = subprocess.run([*before, sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
