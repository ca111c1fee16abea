"""Instances of input that once crashed, hung, ran something, ended a run, or was refused although it is valid."""

import io
import json
import struct
import subprocess
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from pyface3d import ops
from pyface3d.data.archive import Archive
from pyface3d.evaluation.worst import Thumbnail, WorstImages
from pyface3d.foreign.archives import open_zip, read_entry
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.matlab import read_mat
from pyface3d.foreign.pickles import load_pickle
from pyface3d.images import find_sources, read_photo
from pyface3d.images.decoding import decode
from pyface3d.runtime.card import KEY, Card


def jpeg(seed=0):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def test_a_zip_entry_that_would_become_gigabytes():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(32 << 20))
    with (
        open_zip(stream.getvalue()) as archive,
        pytest.raises(ValueError, match="would become 33,554,432.*entry_ratio"),
    ):
        read_entry(archive, "bomb.jpg")
    # a header that lies about the size does not help: no more is unpacked than it says, and the checksum tells
    content = stream.getvalue().replace(struct.pack("<I", 32 << 20), struct.pack("<I", 1 << 20))
    with open_zip(content) as archive, pytest.raises(ValueError, match="the entry cannot be read"):
        read_entry(archive, "bomb.jpg")


def test_broken_entries_are_reported_and_the_rest_is_read(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in "abc":
            archive.writestr(f"{name}.jpg", jpeg(ord(name)))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d.jpg", jpeg(3))
    content = bytearray(path.read_bytes())
    content[content.index(jpeg(ord("b"))) + 300] ^= 0xFF  # another checksum
    deflated = content.index(b"d.jpg") + 5
    content[deflated : deflated + 8] = b"\xff" * 8
    path.write_bytes(content)
    outcomes = {}
    for source in find_sources(path):
        try:
            outcomes[source.stem] = source.read().pixels.shape
        except ValueError as error:
            outcomes[source.stem] = str(error)
    assert outcomes["a"] == outcomes["c"] == (32, 32, 3)
    assert all(f"photos.zip/{name}.jpg: the entry cannot be read" in outcomes[name] for name in "bd")


def test_entries_without_a_name(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.jpg", "a.jpg", "folder/"):
            archive.writestr(name, jpeg() if name[-1] != "/" else b"")
    content = path.read_bytes()
    headers = content.index(b"PK\x01\x02")
    path.write_bytes(content[:headers] + content[headers:].replace(b"x.jpg", b"\0.jpg", 1))  # a name ends at its zero
    assert [source.read().pixels.shape for source in find_sources(path)] == [(32, 32, 3)]
    assert Archive(path).names == ["a.jpg"]


@pytest.mark.parametrize("mode", ["P", "1", "I;16"])
def test_modes_of_large_pictures_are_converted_before_they_are_reduced(mode):
    size, stream = (4100, 3000), io.BytesIO()
    if mode == "I;16":
        Image.fromarray(np.full(size[::-1], 40_000, np.uint16)).save(stream, "PNG")
    else:
        Image.new("L", size, 200).convert(mode, dither=Image.Dither.NONE).save(stream, "PNG")
    pixels, whole = decode(stream.getvalue(), "large.png")
    assert whole == size and pixels.shape[0] * pixels.shape[1] <= 12_000_000 and pixels.shape[2] == 3
    assert pixels.min() > 150


def test_no_picture_starts_a_program(tmp_path, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", never)
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\nshowpage\n"
    for name in ("photo.jpg", "photo.eps", "photo.ps"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="not a picture in a format that can be read"):
            read_photo(tmp_path / name)


def test_two_bytes_of_a_matlab_file_changed_everywhere(tmp_path):
    path, stream = tmp_path / "label.mat", io.BytesIO()
    savemat(stream, {"Pose_Para": np.ones((1, 7)), "pt2d": np.ones((2, 68))})
    content = stream.getvalue()
    outcomes = set()
    for place in range(0, len(content) - 1, 2):
        path.write_bytes(content[:place] + b"\xff\x7f" + content[place + 2 :])
        try:
            outcomes.add(type(read_mat(path)))
        except ValueError as error:
            assert "label.mat" in str(error) and "\n" not in str(error)
            outcomes.add(ValueError)
    assert outcomes == {dict, ValueError}


def test_strings_of_a_pickle_are_never_evaluated(tmp_path):
    path = tmp_path / "text.pkl"
    path.write_bytes(rb"S'a\x41\n\'b'" + b"\n.")
    assert load_pickle(path) == "aA\n'b"
    for text in (b"'a'+'b'", b"'" + b"(" * 100_000 + b"'", b"'" + b"-" * 100_000 + b"'", b"'\\x4'"):
        path.write_bytes(b"S" + text + b"\n.")
        try:
            assert load_pickle(path) == text[1:-1].decode()  # what stands between the quotes
        except ValueError as error:
            assert "text.pkl" in str(error)


def test_a_mask_that_fits_nothing_is_one_sentence():
    logits, labels = torch.zeros(2, 3), torch.zeros(2, 3)
    for mask in (torch.ones(2, 4).bool(), torch.ones(2).bool(), torch.ones(1, 2, 3).bool(), torch.ones(2, 3)):
        with pytest.raises(RuntimeError, match="attribute_loss.*mask must be bool") as caught:
            ops.attribute_loss(logits, labels, torch.ones(3), mask)
        assert "\n" not in str(caught.value)
    assert ops.attribute_loss(logits, labels, torch.ones(3), torch.ones(3).bool()).shape == (2,)


@pytest.mark.parametrize(
    "change",
    [{"size": -1}, {"size": 0}, {"size": 10**9}, {"scale": 0}, {"scale": float("nan")}, {"offset": float("inf")},
     {"crop": "nowhere"}, {"std": float("nan")}, {"std": 0.0}, {"std": -1.0}],
)  # fmt: skip
def test_cards_of_networks_that_make_no_sense(change):
    images = {"size": 4, "channels": "RGB", "offset": 0, "scale": 1, "crop": "roi_from_landmarks"}
    space = {"mean": [0.0] * 15, "std": [1.0] * 15, "n_identity": 2, "n_expression": 1, "flip": "3ddfa"}
    card = {"method": "a", "images": images, "parameter_space": space, "face_model": {"name": "a", "hash": "b"}}
    assert Card.read({KEY: json.dumps(card)}, "a.onnx").size == 4
    if "std" in change:
        space["std"][3] = change["std"]
    else:
        images.update(change)
    with pytest.raises(ValueError, match="a.onnx cannot be used"):
        Card.read({KEY: json.dumps(card)}, "a.onnx")


def test_a_contact_sheet_of_none():
    worst = WorstImages(0)
    worst.add(Thumbnail(3.0, "a", torch.zeros(3, 4, 4, dtype=torch.uint8)))
    assert not worst.wants(1.0) and worst.sorted() == []


@pytest.mark.parametrize("order", "<>")
def test_strings_of_characters_that_do_not_exist_are_refused(tmp_path, order):
    np.savez(tmp_path / "names.npz", names=np.array(["ab", "c"], f"{order}U2"))
    content = (tmp_path / "names.npz").read_bytes()
    assert read_npz(tmp_path / "names.npz")["names"].tolist() == ["ab", "c"]
    letter, none = (int.to_bytes(code, 4, "little" if order == "<" else "big") for code in (ord("c"), 0x110000))
    stored = zipfile.ZipFile(io.BytesIO(content)).read("names.npy").replace(letter, none)
    with zipfile.ZipFile(tmp_path / "names.npz", "w") as changed:
        changed.writestr("names.npy", stored)
    with pytest.raises(ValueError, match="names.npz.*characters that do not exist"):
        read_npz(tmp_path / "names.npz")
