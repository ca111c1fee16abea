"""Every public reader on 2,000 changed files of each format: an answer or one sentence, in bounded time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.append(str(SCRIPTS))

from fuzz_formats import FORMATS  # noqa: E402

NEEDS = {"hdf5": "h5py", "onnx": "onnx"}
# each file costs the start of a process, or of a session: fewer of them
SLOW = {"avi": 20, "mp4": 20, "onnx": 500, "method_safetensors": 500}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_changed_files(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    arguments = ["--count", str(SLOW.get(name, 2000)), "--seed", "1", "--kept", str(tmp_path / "kept"), name]
    done = subprocess.run([sys.executable, SCRIPTS / "fuzz.py", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split("peak ")[1].split()[0]) < 1024, done.stdout


def test_a_reader_that_fails_is_found(tmp_path, monkeypatch):
    """The instrument itself: a wrong type of error, a sentence without a name, and a valid file."""
    from fuzz import watched

    def read(path):
        content = path.read_bytes()
        if content == b"type":
            raise KeyError("a")
        if content == b"nameless":
            raise ValueError("something is wrong")
        if content == b"proper":
            raise ValueError(f"{path} is damaged")

    outcomes = {}
    for content in (b"type", b"nameless", b"proper", b"good"):
        (tmp_path / "a.bin").write_bytes(content)
        outcomes[content] = watched(read, tmp_path / "a.bin")[0]
    assert outcomes[b"type"].startswith("KeyError") and "without the file's name" in outcomes[b"nameless"]
    assert outcomes[b"proper"] == "refused" and outcomes[b"good"] == "read"
