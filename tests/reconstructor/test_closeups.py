from importlib import resources

import numpy as np
import pytest
import torch

from pyface3d.data.synthetic.clip import Person, SyntheticClip
from pyface3d.morphable import ARKIT_NAMES
from pyface3d.reconstructor import Reconstructor
from pyface3d.reconstructor.closeups import (
    CLOSEUP_NAMES,
    EYE_NAMES,
    REGIONS,
    Closeups,
    build,
    merge_weights,
    read_closeups,
)


def faces_with(**weights):
    """The faces of a made-up person at rest and with ARKit's weights, seen a little from the side."""
    table = np.zeros((2, 52))
    for name, weight in weights.items():
        table[1, ARKIT_NAMES.index(name)] = weight
    angles = np.tile([[2.0, 12.0, 1.0]], (2, 1))
    clip = SyntheticClip([Person(29, table, angles, np.tile([160.0, 150.0], (2, 1)))], 320, 320, noise=0.01)
    reconstruct = Reconstructor()
    return [reconstruct(frame.image)[0] for frame in clip]


@pytest.mark.parametrize(
    ("done", "shows"),
    [
        ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, ("eyeBlinkLeft", "eyeBlinkRight")),
        ({"browOuterUpLeft": 1.0, "browOuterUpRight": 1.0, "browInnerUp": 1.0}, ("browOuterUpLeft", "browInnerUp")),
        ({"jawOpen": 0.8}, ("jawOpen",)),
        ({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, ("mouthSmileLeft", "mouthSmileRight")),
    ],
)
def test_what_a_face_does_shows_in_its_blendshapes(done, shows):
    rest, moved = (face.blendshapes for face in faces_with(**done))
    for name in shows:
        assert moved[name] > rest[name] + 0.15, name
    assert list(moved) == list(ARKIT_NAMES) and all(0 <= weight <= 1 for weight in moved.values())


def test_one_eye_that_closes_is_the_one_that_closes():
    rest, moved = (face.blendshapes for face in faces_with(eyeBlinkLeft=1.0))
    assert moved["eyeBlinkLeft"] - rest["eyeBlinkLeft"] > 2 * abs(moved["eyeBlinkRight"] - rest["eyeBlinkRight"])


def test_names_are_arkits_and_the_mouth_is_the_mean_of_both():
    assert set(CLOSEUP_NAMES) <= set(ARKIT_NAMES) and len(set(CLOSEUP_NAMES)) == len(CLOSEUP_NAMES)
    fitted = dict.fromkeys(ARKIT_NAMES, 0.2)
    merged = merge_weights(fitted, np.full(len(CLOSEUP_NAMES), 0.6))
    assert merged["eyeBlinkLeft"] == 0.6 and merged["jawOpen"] == pytest.approx(0.4) and merged["cheekPuff"] == 0.2
    assert {name for name in merged if merged[name] == 0.6} == set(EYE_NAMES)


def test_a_face_at_the_border_and_a_larger_picture_are_read():
    face = faces_with()[0]
    assert read_closeups(face).shape == (len(CLOSEUP_NAMES),)
    pose, rest = face.photo_pose.astype(float), np.zeros((68, 3))
    rest[36:42], rest[42:48] = [-3.0, 0, 0], [3.0, 0, 0]
    pose[0, 3] = -500.0
    assert np.isfinite(Closeups.embedded().read(face.photo.pixels, pose, rest)).all()


def test_the_networks_are_those_that_were_trained():
    with resources.files("pyface3d.assets").joinpath("closeups.npz").open("rb") as stream:
        arrays = dict(np.load(stream))
    inputs = torch.randn(3, 1026, generator=torch.Generator().manual_seed(0))
    for region, network in Closeups.embedded().networks.items():
        whole = build(len(REGIONS[region].names))
        own = {name.removeprefix(f"{region}."): torch.from_numpy(array) for name, array in arrays.items()}
        whole.load_state_dict(
            {name: array.float() for name, array in own.items() if not name.startswith(tuple(REGIONS))}
        )
        np.testing.assert_allclose(network(inputs.numpy()), whole(inputs).clamp(0, 1).detach().numpy(), atol=1e-6)
