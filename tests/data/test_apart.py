"""No picture for testing is in any set for training or calibration: by name, and by what it shows.

AFLW has some photos twice, under two names: crops for learning that show a picture for testing stand in
``scripts/aflw_twins.json``. Whoever trains on AFLW leaves them out; the embedded weights have seen none of AFLW.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 16  # of the hashes: 256 bits
ALIKE = 24  # bits: the same picture, saved or scaled anew, differs by less
TESTING = ("aflw2000/dev_crops120.zip", "aflw/test_crops120.zip")
LEARNING = ("aflw/train_crops120.zip", "aflw_more/train_crops120.zip", "portraits/us_congress_225x275.zip")
TWINS = Path(__file__).parents[2] / "scripts" / "aflw_twins.json"


def difference_hash(picture):
    """(SIDE * SIDE,) of -1 and 1: whether brightness falls to the right, at SIDE x SIDE places (Krawetz's dHash)."""
    small = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), np.int16)
    return np.where(small[:, 1:] < small[:, :-1], 1, -1).astype(np.float32).ravel()


def hashes(path):
    """Names without folder and suffix, and the hash of each picture of a zip."""
    with zipfile.ZipFile(path) as archive:
        entries = [name for name in archive.namelist() if name.lower().endswith((".jpg", ".png"))]
        pictures = (Image.open(io.BytesIO(archive.read(name))) for name in entries)
        return [Path(name).stem for name in entries], np.stack([difference_hash(picture) for picture in pictures])


def alike(ours, theirs):
    """(P, 2) numbers of pictures whose hashes differ by less than ALIKE bits."""
    differing = (SIDE * SIDE - ours @ theirs.T) / 2
    return np.argwhere(differing < ALIKE)


def test_the_hash_knows_a_picture_again():
    random = np.random.default_rng(0)
    shades = [Image.fromarray(random.integers(0, 255, (9, 9, 3), np.uint8)).resize((120, 120), 3) for _ in range(20)]
    first = np.stack([difference_hash(picture) for picture in shades])
    anew = []
    for picture in shades:
        stream = io.BytesIO()
        picture.resize((90, 90), 2).save(stream, "JPEG", quality=70)
        anew.append(difference_hash(Image.open(stream)))
    assert alike(first, np.stack(anew)).tolist() == [[k, k] for k in range(20)]


@pytest.fixture(scope="module")
def sets(data_folder):
    """Names and hashes of every set that is there."""
    found = {name: hashes(data_folder / name) for name in (*TESTING, *LEARNING) if (data_folder / name).is_file()}
    if not any(name in found for name in TESTING) or not any(name in found for name in LEARNING):
        pytest.skip("no sets for testing and learning in the data folder")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("testing", TESTING)
@pytest.mark.parametrize("learning", LEARNING)
def test_no_picture_for_testing_is_learned_from(sets, testing, learning):
    if testing not in sets or learning not in sets:
        pytest.skip("a set is missing")
    (names, ours), (others, theirs) = sets[testing], sets[learning]
    assert not set(names) & set(others)
    left_out = set(json.loads(TWINS.read_text("utf-8")).get(learning.split("/")[0], []))
    assert learning.startswith("aflw") == bool(left_out)  # the public-domain portraits have none
    assert left_out < set(others) or not left_out
    pairs = [(names[i], others[k]) for i, k in alike(ours, theirs) if others[k] not in left_out]
    assert not pairs
