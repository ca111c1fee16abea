import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(monkeypatch):
    def call(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        return runpy.run_path(str(EXAMPLES / name))["main"]()

    return call


def test_custom_loss_falls(run):
    assert run("custom_loss.py", "--steps", 30, "--faces", 64) < 0.5


def test_fit_video(run, tmp_path):
    found = run("fit_video.py", "--frames", 12, "--steps", 60, "--output", tmp_path / "fit.gif")
    assert found["shimmer together"] == 0 < found["shimmer alone"]
    assert found["error together"] < found["error alone"]
    with Image.open(tmp_path / "fit.gif") as film:
        assert (film.n_frames, film.size) == (12, (400, 200))


def test_fit_video_of_given_landmarks(run, tmp_path):
    points = np.random.default_rng(0).normal(100, 30, (5, 68, 2)).astype(np.float32)
    points[2, :9] = np.nan
    np.save(tmp_path / "tracked.npy", points)
    found = run("fit_video.py", "--landmarks", tmp_path / "tracked.npy", "--steps", 3, "--output", tmp_path / "fit.gif")
    assert set(found) == {"shimmer alone", "shimmer together"} and np.isfinite(list(found.values())).all()


def test_retarget_expression(run, tmp_path):
    found = run("retarget_expression.py", "--output", tmp_path / "moved.png")
    for expression, name in (("wide open", "jawOpen"), ("smile", "mouthSmile_L"), ("pout", "mouthPucker")):
        strongest = max(found[expression], key=found[expression].get)
        assert strongest == name and found[expression][name] > 0.5
    with Image.open(tmp_path / "moved.png") as picture:
        assert picture.size == (720, 480)
