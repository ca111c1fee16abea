import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

pa = pytest.importorskip("pyarrow")
pytest.importorskip("ray")
import pyarrow.parquet as parquet  # noqa: E402

import pyface3d  # noqa: E402
from pyface3d.bulk import SCHEMA, problems_of, reconstruct_all  # noqa: E402
from pyface3d.bulk.output import Parts  # noqa: E402
from pyface3d.bulk.reading import sources_of  # noqa: E402
from pyface3d.bulk.units import find_units  # noqa: E402
from pyface3d.cli import app  # noqa: E402


def jpeg(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).resize((120, 120)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    from pyface3d.methods import save_weights

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(pyface3d.create_method("mobile_frnet"), path)
    return path


@pytest.fixture
def settings(weights):
    return {"method": "mobile_frnet", "weights": str(weights), "detector": "whole", "device": "cpu"}


@pytest.fixture
def inputs(tmp_path):
    """Three pictures in a folder (one broken), two in a zip, two in a tar, two as bytes and two as paths in tables."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for i in range(2):
        (folder / f"photo{i}.jpg").write_bytes(jpeg(i))
    (folder / "poison.jpg").write_bytes(jpeg(9)[:200])
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for i in range(2):
            archive.writestr(f"inside/{i}.jpg", jpeg(10 + i))
        archive.writestr("inside/readme.txt", "no picture")
    with tarfile.open(folder / "shard-0.tar", "w") as archive:
        for i in range(2):
            for suffix, content in (("jpg", jpeg(20 + i)), ("json", b"{}")):
                member = tarfile.TarInfo(f"{i}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    parquet.write_table(pa.table({"bytes": [jpeg(30), jpeg(31)]}), folder / "t.parquet", row_group_size=1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.jpg").write_bytes(jpeg(40))
    parquet.write_table(pa.table({"path": [str(outside / "far.jpg"), "absent.jpg"]}), folder / "u.parquet")
    return folder


def names(folder: Path) -> list[str]:
    table = [str(folder / "t.parquet") + f"/{i}" for i in range(2)] + [str(folder.parent / "outside/far.jpg")]
    found = ["photo0.jpg", "photo1.jpg", "a.zip/inside/0.jpg", "a.zip/inside/1.jpg", "shard-0.tar/0.jpg"]
    return sorted([*(str(folder / name) for name in [*found, "shard-0.tar/1.jpg", "poison.jpg"]), *table, "absent.jpg"])


def result(out: Path) -> dict[str, list]:
    return parquet.read_table(out).to_pydict()


def test_units_cover_every_input_once(inputs):
    units = list(find_units([str(inputs)], 2))
    assert sorted(source.name for unit in units for source in sources_of(unit)) == names(inputs)
    assert units == list(find_units([str(inputs)], 2))
    assert len({unit.key({}) for unit in units}) == len(units) == 7


@pytest.mark.parametrize("damage", ["zip", "tar", "parquet"])
def test_broken_archives_are_rows_with_errors(inputs, damage):
    path = next(inputs.glob(f"*.{damage}"))
    path.write_bytes(path.read_bytes()[:1000])
    sources = [source for unit in find_units([str(path)], 2) for source in sources_of(unit)]
    with pytest.raises(ValueError, match=path.name):
        sources[-1].read()


def test_uris(inputs):
    units = list(find_units([inputs.as_uri()], 100))
    sources = [source for unit in units for source in sources_of(unit)]
    assert len(sources) == len(names(inputs))
    photo = next(source for source in sources if source.name.endswith("photo0.jpg"))
    assert photo.name.startswith("file://") and photo.read().pixels.shape == (120, 120, 3)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        list(find_units(["/absent/folder"]))


def test_two_actors_give_the_rows_of_the_plain_reconstructor(inputs, settings, tmp_path):
    out = tmp_path / "out"
    counts = reconstruct_all([str(inputs)], out, settings, actors=2, unit=2)
    assert counts == {"units": 7, "skipped": 0, "photos": 11, "faces": 9, "errors": 2, "passed_over": {".txt": 1}}
    rows = result(out)
    assert parquet.read_schema(next(out.glob("*.parquet"))).equals(SCHEMA)
    assert sorted(rows["path"]) == names(inputs)
    plain = pyface3d.Reconstructor(**settings)
    for path, params, landmarks, error in zip(rows["path"], rows["params"], rows["landmarks"], rows["error"]):
        if error is not None:
            assert ("poison" in path or "absent" in path) and params is None
        elif Path(path).is_file():
            (face,) = plain(path)
            np.testing.assert_allclose(params, face.params, rtol=1e-4, atol=1e-4 * np.abs(face.params).max())
            np.testing.assert_allclose(np.reshape(landmarks, (68, 3)), face.landmarks, atol=0.02)

    # a second run has nothing to do; one whose part is missing does that alone; another's results are not mixed in
    assert reconstruct_all([str(inputs)], out, settings, unit=2)["skipped"] == 7
    next(out.glob("*.parquet")).unlink()
    for name, hours in ((".part-left", 2), (".part-written-now", 0)):  # by a killed run, and by one beside this one
        (out / name).write_bytes(b"half")
        os.utime(out / name, (time.time() - 3600 * hours,) * 2)
    again = reconstruct_all([str(inputs)], out, settings, unit=2)
    assert again["skipped"] == 6 and sorted(result(out)["path"]) == names(inputs)
    assert len(list(out.glob("part-*"))) == 7
    assert [path.name for path in out.glob(".part-*")] == [".part-written-now"]
    with pytest.raises(ValueError, match="other inputs or settings"):
        reconstruct_all([str(inputs)], out, {**settings, "passes": 1}, unit=2)
    with pytest.raises(ValueError, match="among the inputs"):
        reconstruct_all([str(inputs)], inputs / "out", settings)
    with pytest.raises(ValueError, match="do not fit into"):
        reconstruct_all([str(inputs)], tmp_path / "other", settings, actors=2, gpus=100)


def test_a_run_that_was_started_again_names_what_the_first_one_met(tmp_path, monkeypatch):
    parts = Parts(str(tmp_path / "out"))
    for key, bad in (("0" * 12, 3), ("1" * 12, 0), ("2" * 12, 2)):
        errors = [{"path": f"{key[0]}-{i}.jpg", "error": "the file is empty"} for i in range(bad)]
        parts.write(key, [{"path": f"good-{key}.jpg", "face": 0}, *errors])
    assert problems_of(str(tmp_path / "out"), 4)[0] == 5 and len(problems_of(str(tmp_path / "out"), 4)[1]) == 4
    counts = {"units": 3, "skipped": 3, "photos": 0, "faces": 0, "errors": 0, "passed_over": {}}
    monkeypatch.setattr("pyface3d.bulk.reconstruct_all", lambda *given, **options: dict(counts))
    done = CliRunner().invoke(app, ["reconstruct", "photos", "--engine", "ray", "--out", str(tmp_path / "out")])
    assert done.exit_code == 3 and done.stderr.count("the file is empty") == 5
    assert "5 photos gave no face" in done.stderr


def test_places_are_a_setting_and_those_of_no_photo_are_named(inputs, settings, tmp_path):
    shards, boxes = str(inputs / "shard-0.tar"), tmp_path / "boxes.csv"
    boxes.write_text("0.jpg,10,10,100,100\nmisspelt.jpg,1,1,60,60\n")
    command = ["reconstruct", shards, "--engine", "ray", "--weights", settings["weights"], "--detector", "whole"]
    command += ["--method", "mobile_frnet", "--boxes", str(boxes), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 3 and "misspelt.jpg: no such photo among the inputs" in done.stderr, done.output
    assert "0.jpg: no such" not in done.stderr and len(result(tmp_path / "out")["path"]) == 2
    boxes.write_text("0.jpg,20,20,80,80\n")
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1 and "other inputs or settings" in again.stderr


DRIVER = """
import json, sys
from pyface3d.bulk import reconstruct_all
inputs, out, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
print(json.dumps(reconstruct_all([inputs], out, settings, actors=2, unit=4)))
"""


def workers_of(driver: int) -> list[int]:
    """Processes of Ray's actors that descend from ``driver``."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
            parents[int(folder.name)] = int(status.rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue

    def descends(process: int) -> bool:
        return process == driver or (process in parents and descends(parents[process]))

    return [process for process, title in titles.items() if "MapWorker" in title and descends(process)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_kill_9_and_restart_give_every_input_once(victim, settings, tmp_path):
    inputs, out = tmp_path / "inputs", tmp_path / "out"
    inputs.mkdir()
    for i in range(400):
        (inputs / f"{i:03d}.jpg").write_bytes(jpeg(i) if i % 100 else b"poison")
    command = [sys.executable, "-c", DRIVER, str(inputs), str(out), json.dumps(settings)]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.time() + 240
    while len(list(out.glob("part-*"))) < 3 and time.time() < deadline and driver.poll() is None:
        time.sleep(0.1)
    before = len(list(out.glob("part-*")))
    assert 3 <= before < 100, "the run must be killed in its middle"
    os.kill(workers_of(driver.pid)[0] if victim == "worker" else driver.pid, signal.SIGKILL)
    stdout = driver.communicate(timeout=400)[0]
    if victim == "worker":
        assert driver.returncode == 0 and json.loads(stdout.strip().split("\n")[-1])["photos"] >= 396
    else:
        assert driver.returncode == -signal.SIGKILL
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=True)
        assert json.loads(done.stdout.strip().split("\n")[-1])["skipped"] >= before
    rows = result(out)
    assert sorted(rows["path"]) == sorted(str(path) for path in inputs.iterdir())
    assert sum(error is not None for error in rows["error"]) == 4
