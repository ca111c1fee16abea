"""The packaged weights are what the release lists, and their cards are made from them."""

import json
import runpy
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from pyface3d.cli import app
from pyface3d.methods import describe_weights, hub_card, list_weights, verify_weights
from pyface3d.methods.card import CARD
from pyface3d.methods.shipped import SUMS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def changed(tmp_path):
    """Writes a copy of the smallest packaged weights, with its tensors changed."""
    smallest = min(list_weights(), key=lambda weights: weights.bytes)

    def write(change):
        state = load_file(smallest.path)
        change(state)
        from safetensors import safe_open

        with safe_open(smallest.path, "pt") as file:
            save_file(state, tmp_path / smallest.path.name, metadata=file.metadata())
        return tmp_path / smallest.path.name

    return write


def run(*arguments):
    done = CliRunner().invoke(app, ["weights", *map(str, arguments), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_list_and_cards_are_made_from_the_files():
    if not (ROOT / "scripts").is_dir():
        pytest.skip("the documentation is in the source tree only")
    for path, content in runpy.run_path(str(ROOT / "scripts" / "weight_cards.py"))["pages"]().items():
        assert path.read_text() == content, "run: python scripts/weight_cards.py --write"


def test_every_packaged_file_is_released_and_whole():
    assert list_weights()
    for weights in list_weights():
        assert weights.released == weights.sha256
        assert verify_weights(weights) is None


def test_cards_name_license_training_and_figures():
    for weights in list_weights():
        text = hub_card(weights)
        header = yaml.safe_load(text.split("---")[1])
        assert header["license"] == "apache-2.0" and weights.card.method in header["tags"]
        assert weights.sha256 in text and weights.card.training["command"].replace("|", "\\|") in text
        assert "ICT-FaceKit" in text and "## Measured" in text


def test_commands(tmp_path):
    code, listed = run("list")
    assert code == 0 and {entry["name"] for entry in listed["weights"]} == {w.name for w in list_weights()}
    assert all(entry["license"] and entry["training"] and entry["numbers"] for entry in listed["weights"])
    code, verified = run("verify")
    assert code == 0 and all(entry["ok"] for entry in verified["weights"].values())
    assert run("card", "compact_embedded", "--out", tmp_path / "README.md")[0] == 0
    assert (tmp_path / "README.md").read_text() == hub_card(list_weights()[0])


def test_changed_bytes_and_numbers_that_are_none_are_found(changed, tmp_path):
    def spoil(state):
        next(tensor for tensor in state.values() if tensor.is_floating_point()).view(-1)[0] = torch.nan

    path = changed(spoil)
    assert "not finite" in verify_weights(describe_weights(path))
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {path.name}\n")
    assert "the release 000000000000" in verify_weights(describe_weights(path))
    code, report = run("verify", path)
    assert code == 1 and not report["weights"][path.stem]["ok"]


def test_a_missing_tensor_is_found_and_a_whole_copy_is_not_refused(changed):
    assert verify_weights(describe_weights(changed(lambda state: None))) is None
    assert verify_weights(describe_weights(changed(lambda state: state.popitem()))) is not None


def test_files_without_a_card_are_one_sentence(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "bare.safetensors", metadata={"other": CARD})
    code, answer = run("list", tmp_path / "bare.safetensors")
    assert code == 1 and "has no model card" in answer["error"]
