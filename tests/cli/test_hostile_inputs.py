"""Photos, some poisoned in twenty ways: the same results from folder, zip and tar, and each bad one named once."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pyface3d.cli import app
from pyface3d.images import find_sources
from pyface3d.methods import create_method, save_weights

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from poisoned_photos import ODD_NAMES, make  # noqa: E402

GOOD, BAD = 20, 20


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("poisoned")
    good, bad = make(folder, GOOD + BAD, BAD, seed=1)
    assert len(good) == GOOD and len(bad) == BAD and len(ODD_NAMES) <= GOOD
    torch.manual_seed(0)
    save_weights(create_method("compact").eval(), folder / "weights.safetensors")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["reconstruct", *map(str, arguments)])


def last(name):
    return name.rsplit("/", 1)[-1]


def test_the_same_results_from_a_folder_a_zip_and_a_tar(poisoned, tmp_path):
    results, problems = [], []
    for number, inputs in enumerate(("folder", "photos.zip", "photos.tar")):
        out = tmp_path / str(number)
        options = ("--weights", poisoned / "weights.safetensors", "--detector", "whole", "--save", "csv", "--out", out)
        done = run(poisoned / inputs, *options, "--json")
        assert done.exit_code == 3, done.output
        told = json.loads(done.stdout)
        assert (told["photos"], told["faces"]) == (GOOD, GOOD)
        named = [problem.split(": ")[0] for problem in told["problems"]]
        assert len(named) == len(set(named)) == BAD and not any("\n" in problem for problem in told["problems"])
        problems.append({last(name) for name in named})
        rows = list(csv.DictReader((out / "faces.csv").open(encoding="utf-8")))
        results.append({last(row["photo"]): row["x30"] for row in rows})
        assert len(results[-1]) == GOOD
        again = json.loads(run(poisoned / inputs, *options, "--json").stdout)
        assert (again["photos"], again["skipped"]) == (0, GOOD)
    assert results[0] == results[1] == results[2] and problems[0] == problems[1] == problems[2]
    assert {"caf\\xe9.jpg", "two\\nlines.jpg", "-rf.jpg", "[red]no[blue].jpg"} <= results[0].keys()


def test_instructions_that_match_nothing(poisoned, tmp_path):
    options = (
        "--weights",
        poisoned / "weights.safetensors",
        "--detector",
        "whole",
        "--save",
        "csv",
        "--out",
        tmp_path / "o",
    )
    (tmp_path / "boxes.csv").write_text("-rf.jpg,1,1,60,60\nmisspelt.jpg,1,1,60,60\n")
    done = run(poisoned / "folder", "--boxes", tmp_path / "boxes.csv", *options)
    assert done.exit_code == 1 and "misspelt.jpg: no such photo among the inputs" in done.stderr
    (tmp_path / "points.csv").write_text("-rf.jpg," + ",".join(["1", "2"] * 7) + "\n")
    done = run(poisoned / "folder", "--landmarks", tmp_path / "points.csv", *options)
    assert done.exit_code == 1 and "points.csv, -rf.jpg" in done.stderr


def test_names_as_long_as_the_disk_allows(poisoned, tmp_path):
    (tmp_path / "photos").mkdir()
    picture = (poisoned / "folder" / "-rf.jpg").read_bytes()
    names = ["n" * 245 + ".jpg", "n" * 251 + ".jpg", "\u00e9" * 122 + ".jpg"]
    for name in names:
        (tmp_path / "photos" / name).write_bytes(picture)
    kinds = "obj,glb,landmarks,csv"
    options = ("--weights", poisoned / "weights.safetensors", "--detector", "whole", "--save", kinds, "--json")
    done = run(tmp_path / "photos", *options, "--out", tmp_path / "o")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["photos"], told["faces"], told["problems"]) == (3, 3, [])
    rows = list(csv.DictReader((tmp_path / "o" / "faces.csv").open(encoding="utf-8")))
    assert sorted(last(row["photo"]) for row in rows) == sorted(names)
    for ending in (".obj", ".glb", "-landmarks.jpg", ".json"):
        assert len(list((tmp_path / "o").glob(f"*{ending}"))) == 3, ending
    assert json.loads(run(tmp_path / "photos", *options, "--out", tmp_path / "o").stdout)["skipped"] == 3


def test_paths_are_never_markup(poisoned, tmp_path):
    out = tmp_path / "x[/red]"
    photo = os.fsencode(poisoned / "folder") + b"/-rf.jpg"
    options = ("--weights", poisoned / "weights.safetensors", "--detector", "whole", "--save", "csv", "--out", out)
    done = run(os.fsdecode(photo), *options)
    assert done.exit_code == 0 and "x[/red]" in done.stdout.replace("\n", "")


def test_what_is_passed_over_is_counted(poisoned, tmp_path):
    for name in ("a.heic", "b.heic", "notes.txt"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"")
    os.mkfifo(tmp_path / "photos" / "pipe.jpg")
    (tmp_path / "photos" / "gone.jpg").symlink_to("nowhere.jpg")
    options = ("--weights", poisoned / "weights.safetensors", "--detector", "whole", "--out", tmp_path / "o")
    done = run(tmp_path / "photos", poisoned / "folder" / "-rf.jpg", *options, "--save", "csv", "--json")
    told = json.loads(done.stdout)
    assert told["passed_over"] == {".heic": 2, ".txt": 1} and told["photos"] == 1
    assert {last(problem.split(": ")[0]) for problem in told["problems"]} == {"pipe.jpg", "gone.jpg"}
    assert [source.stem for source in find_sources([tmp_path / "photos"])] == ["gone", "pipe"]
