"""Weights that saw pictures which are for research only: marked, listed, and not in the package."""

import hashlib
from pathlib import Path

import pytest

import pyface3d
from pyface3d.methods import list_weights, read_card

FOLDER = Path(__file__).parents[2] / "weights"


@pytest.fixture(scope="module")
def files():
    found = sorted(FOLDER.glob("*.safetensors"))
    if not found:
        pytest.skip("the research weights are not beside these tests")
    return found


def test_they_say_what_they_may_not_be_used_for_and_are_in_no_package(files):
    packaged = {weights.path.name for weights in list_weights()}
    sums = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for path in files:
        assert "non-commercial" in read_card(path).license and path.name not in packaged


def test_they_load_and_look_as_well_as_their_card_says(files, data_folder):
    from pyface3d.evaluation import evaluate

    for path in files:
        card = read_card(path)
        method = pyface3d.create_method(card.method, path)
        mean = evaluate(method, "aflw2000-3d/2d-68", data_folder / "aflw2000" / "dev.npz", draws=0).figures["mean"]
        assert mean == pytest.approx(card.numbers["aflw2000-3d"]["original"]["mean"], abs=0.02)
