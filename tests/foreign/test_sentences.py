"""Files that once gave zlib.error, KeyError, RecursionError or struct.error: one sentence with the file's name."""

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from fuzz_formats import FORMATS  # noqa: E402

READERS = (
    "space whitening runtime_npz runtime_safetensors places_npz places_json weights_safetensors pth pth_old eos_json "
    "eos model_npz atlas"
).split()
DEEP = b"[" * 100_000


def zips(content):
    """An archive whose first entry is not there, has another content, or is no deflate stream."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    first = next(iter(entries))
    for changed in ({**entries, first: b""}, {**entries, first: DEEP}, dict(list(entries.items())[1:])):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, part in changed.items():
                archive.writestr(name, part)
        yield stream.getvalue()
    start = stream.getvalue().index(b"PK\x03\x04") + 30 + len(next(iter(changed)))
    yield stream.getvalue()[:start] + b"\xff" * 16 + stream.getvalue()[start + 16 :]


def headers(content):
    """A safetensors file whose header is empty, nested without end, or speaks of what is not there."""
    for header in (b"{}", DEEP, b'{"__metadata__":{"pyface3d":"' + DEEP + b'"}}', b'{"a":{"dtype":"F32"}}', b"\xff"):
        yield len(header).to_bytes(8, "little") + header + content[-64:]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    header["__metadata__"] = {"pyface3d": '{"method": []}'}
    text = json.dumps(header).encode()
    yield len(text).to_bytes(8, "little") + text + content[8 + int.from_bytes(content[:8], "little") :]


def damaged(content, suffix):
    """Ends too early, nests without end, and what each container can have wrong."""
    yield from (content[: len(content) * k // 8] for k in range(8))
    yield from (DEEP, b'{"a":' * 50_000, b"(" * 100_000, b"\x80\x04" + b"(" * 100_000 + b".", b"{}", b"null", b"[[1]]")
    if content[:2] == b"PK":
        yield from zips(content)
    if suffix == ".safetensors":
        yield from headers(content)


@pytest.mark.parametrize("name", READERS)
def test_errors_are_sentences(name, tmp_path):
    form = FORMATS[name]
    path = tmp_path / f"hostile{form.suffix}"
    form.write(path)
    form.read(path)
    refused = 0
    for content in damaged(path.read_bytes(), form.suffix):
        path.write_bytes(content)
        try:
            form.read(path)
        except (ValueError, OSError) as error:
            assert path.name in str(error) and "\n" not in str(error), content[:80]
            refused += 1
    assert refused >= 12
