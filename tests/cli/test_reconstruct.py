import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pyface3d.cli import app
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.evaluation import box_size
from pyface3d.methods import create_method, save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(create_method("compact").eval(), path)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "my phötos"
    folder.mkdir()
    samples = SyntheticFaces(size=120, seed=2024, jitter=0.0).render([0, 1, 2])["image"]
    for name, image in zip("abc", samples):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{name}.png")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["reconstruct", *map(str, arguments)])


def test_everything_is_written_and_a_second_run_skips(photos, weights, tmp_path):
    out = tmp_path / "out put"
    kinds = "obj,glb,ply,arrays,overlay,depth,normals,landmarks,csv,parquet,page"
    arguments = (photos, "--weights", weights, "--detector", "whole", "--out", out, "--save", kinds, "--json")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["photos"] == report["faces"] == 3 and report["problems"] == []
    endings = ".obj .mtl -texture.png .glb .ply .npz -overlay.jpg -depth.png -landmarks.jpg .json".split()
    for ending in endings:
        assert (out / f"a{ending}").stat().st_size > 0, ending
    rows = list(csv.DictReader((out / "faces.csv").open(encoding="utf-8")))
    assert [row["photo"].rsplit("/")[-1] for row in rows] == ["a.png", "b.png", "c.png"]
    record = json.loads((out / "b.json").read_text())
    assert float(rows[1]["x30"]) == pytest.approx(record["faces"][0]["landmarks"][30][0], abs=1e-3)
    assert (out / "faces.html").stat().st_size < 8e6 and (out / "faces.parquet").exists()

    before = (out / "a.glb").stat().st_mtime_ns
    (out / "c.glb").unlink()
    again = json.loads(run(*arguments).stdout)
    assert (again["photos"], again["skipped"]) == (1, 2)
    assert (out / "c.glb").exists() and (out / "a.glb").stat().st_mtime_ns == before
    other = json.loads(run(*arguments, "--passes", "1", "--limit", "1").stdout)
    assert (other["photos"], other["skipped"]) == (1, 0)  # other settings are another reconstruction


def test_what_was_done_is_said_in_words(photos, weights, tmp_path):
    options = ("--weights", weights, "--detector", "whole", "--save", "csv", "--out")
    assert "1 face in 1 photo, " in run(photos / "a.png", *options, tmp_path / "one").output
    assert "3 faces in 3 photos, " in run(photos, *options, tmp_path / "all").output


def test_bad_files_are_named_and_the_rest_is_done(photos, weights, tmp_path):
    (photos / "letter.jpg").write_text("dear all")
    (photos / "nothing.jpg").write_bytes(b"")
    result = run(photos, "--weights", weights, "--detector", "whole", "--out", tmp_path / "o", "--save", "csv")
    assert result.exit_code == 3
    assert "letter.jpg" in result.stderr and "nothing.jpg" in result.stderr and "Traceback" not in result.output
    assert len(list(csv.DictReader((tmp_path / "o" / "faces.csv").open(encoding="utf-8")))) == 3


def test_nothing_done(photos, weights, tmp_path):
    gray = tmp_path / "gray.png"
    Image.new("RGB", (200, 200), "gray").save(gray)
    nobody = run(gray, "--weights", weights, "--out", tmp_path / "o")
    assert nobody.exit_code == 1 and "no face found" in nobody.stderr
    assert run(tmp_path / "none.jpg", "--weights", weights, "--out", tmp_path / "o").exit_code == 1
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "--weights", weights, "--out", tmp_path / "o").exit_code == 1


def test_folders_that_cannot_be_written_and_wrong_options(photos, weights, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments in (
        ("--out", tmp_path / "file" / "out"),
        ("--out", "/proc/out"),
        ("--out", tmp_path / "o", "--save", "doc"),
        ("--out", tmp_path / "o", "--method", "magic"),
        ("--out", tmp_path / "o", "--detector", "magic"),
        ("--out", tmp_path / "o", "--boxes", tmp_path / "none.csv"),
        ("--out", tmp_path / "o", "--weights", tmp_path / "file"),
    ):
        result = run(photos, *(() if "--weights" in arguments else ("--weights", weights)), *arguments)
        assert result.exit_code == 1, arguments
        assert result.stderr.startswith("pyface3d: ") and result.stderr.count("\n") == 1, result.stderr


def test_ctrl_c_leaves_whole_files_and_the_next_run_goes_on(photos, weights, tmp_path):
    image = Image.open(photos / "a.png")
    for i in range(400):
        image.save(photos / f"n{i:03d}.png")
    command = [sys.executable, "-m", "pyface3d", "reconstruct", str(photos), "--weights", str(weights), "--detector"]
    command += ["whole", "--save", "arrays,csv", "--batch", "1", "--out", str(tmp_path / "o")]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests run in the background may ignore it
    streams = {"stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, preexec_fn=heed, **streams)
    deadline = time.time() + 120
    while not list((tmp_path / "o").glob("n*.json")) and time.time() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Traceback" not in stderr and "interrupted" in stderr
    records = list((tmp_path / "o").glob("*.json"))
    assert 0 < len(records) < 403
    for record in records:
        assert json.loads(record.read_text())["faces"]
        with np.load(record.with_suffix(".npz")) as arrays:
            assert len(arrays["vertices"])
    assert not [file for file in (tmp_path / "o").iterdir() if file.name.startswith(".")]


def test_3ddfa_v2_reproduces_its_published_figure(data_folder, tmp_path):
    """The command a user types, on the 1000 crops here: mean NME 3.793 (docs of the data folder)."""
    data = data_folder / "tddfa"
    arguments = ("--weights", data / "mb05_120x120.pth", "--model", data / "keypoint_basis.npz")
    arguments += ("--space", data / "keypoint_basis.npz", "--detector", "whole", "--save", "csv", "--out", tmp_path)
    result = run(data_folder / "aflw2000" / "dev_crops120.zip", "--method", "tddfa", *arguments)
    assert result.exit_code == 0, result.stderr
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    rows = {row["photo"].rsplit("/")[-1].split(".")[0]: row for row in csv.DictReader((tmp_path / "faces.csv").open())}
    columns = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    points = np.array([[float(rows[name][column]) for column in columns] for name in dev["names"]]).reshape(-1, 68, 2)
    roi = dev["roi_box"][:, None]
    predicted = torch.from_numpy(points * (roi[..., 2:] - roi[..., :2]) / 120 + roi[..., :2])
    truth = torch.from_numpy(dev["pts68"][:, :2].swapaxes(1, 2).astype(np.float64))
    errors = (predicted - truth).norm(dim=2).mean(1) / box_size(truth) * 100
    bins = np.digitize(np.abs(dev["yaw_fitted"]), [30, 60])
    means = [float(errors[torch.from_numpy(bins == view)].mean()) for view in range(3)]
    assert means == pytest.approx([2.943, 3.522, 4.914], abs=0.002)
    assert np.mean(means) == pytest.approx(3.793, abs=0.002)


def test_a_photo_is_never_written_over(photos, weights, tmp_path):
    before = (photos / "a.png").read_bytes()
    options = ("--weights", weights, "--detector", "whole", "--save", "obj,overlay")
    assert run(photos / "a.png", *options, "--out", photos).exit_code == 0
    assert (photos / "a.png").read_bytes() == before
    assert "a-texture.png" in (photos / "a.mtl").read_text() and (photos / "a-texture.png").exists()
    refused = run(photos, *options, "--out", photos)
    assert refused.exit_code == 1 and "name another one" in refused.stderr
    inside = json.loads(run(photos / "b.png", photos / "c.png", *options, "--out", photos / "o", "--json").stdout)
    again = json.loads(run(photos, *options, "--out", photos / "o", "--json").stdout)
    assert inside["photos"] == 2 and again["photos"] + again["skipped"] == 5  # b and c have another name now
    assert not any("overlay" in record.name for record in (photos / "o").glob("b*.json"))


def test_names_that_results_have_are_kept_apart(photos, weights, tmp_path):
    for name in ("a-face2", "a-overlay"):
        (photos / f"{name}.png").write_bytes((photos / "b.png").read_bytes())
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"a.png": [[20, 20, 90, 90], [30, 30, 80, 80]]}))
    options = ("--weights", weights, "--detector", "whole", "--boxes", boxes, "--save", "glb,overlay,csv")
    assert run(photos, *options, "--out", tmp_path / "o").exit_code == 0
    files = [file for record in (tmp_path / "o").glob("*.json") for file in json.loads(record.read_text())["files"]]
    assert len(files) == len(set(files)) == 12  # six faces, two files each


def test_what_is_newer_than_its_record_is_done_again(photos, weights, tmp_path):
    options = ("--weights", weights, "--detector", "whole", "--save", "csv", "--out", tmp_path / "o", "--json")
    run(photos, *options)
    assert json.loads(run(photos, *options).stdout)["skipped"] == 3
    later = (tmp_path / "o" / "c.json").stat().st_mtime + 5
    os.utime(photos / "b.png", (later, later))
    assert json.loads(run(photos, *options).stdout)["photos"] == 1
    os.utime(photos / "b.png", (1, 1))
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    options = ("--weights", own, *options[2:])
    run(photos, *options)
    assert json.loads(run(photos, *options).stdout)["skipped"] == 3
    os.utime(own, (later, later))
    assert json.loads(run(photos, *options).stdout)["photos"] == 3


def test_mistakes_that_once_spoke_of_something_else(photos, weights, tmp_path):
    (tmp_path / "yunet.onnx").write_text("no network")
    (tmp_path / "letter.pth").write_text("dear all")
    (tmp_path / "turned.csv").write_text("a.png,80,80,20,20\n")
    (tmp_path / "nan.csv").write_text("a.png,nan,80,20,20\n")
    for arguments, words in (
        (("--detector", tmp_path / "yunet.onnx"), "is not an ONNX file of YuNet"),
        (("--weights", tmp_path / "letter.pth"), "neither safetensors nor tensors saved by torch"),
        (("--boxes", tmp_path / "turned.csv"), "turned.csv, a.png: these are no boxes (boxes must be left, top"),
        (("--boxes", tmp_path / "nan.csv"), "nan.csv, a.png: these are no boxes (boxes must be finite"),
        (("--device", "cuda:77"), "device must be one that torch has here"),
        (("--device", "magic"), "device must be one that torch has here"),
        (("--method", "marn"), "marn: no weights ship with the package"),
    ):
        own = () if arguments[0] in ("--weights", "--method") else ("--weights", weights)
        result = run(photos, *own, *arguments, "--out", tmp_path / "o")
        assert result.exit_code == 1 and words in result.stderr, (arguments, result.stderr)
        assert result.stderr.count("\n") == 1 and "--debug" not in result.stderr, result.stderr
