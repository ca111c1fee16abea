"""The long clip that the figures of docs/video.md are measured on; slow."""

import numpy as np
import pytest

from pyface3d.data.synthetic.clip import SyntheticClip, speaking
from pyface3d.morphable import ARKIT_NAMES
from pyface3d.reconstructor import Reconstructor

FRAMES, HIDDEN, CROSSING = 300, (60, 65), (110, 176)
LEAST = {  # of both people, over the frames in which nobody is in front
    "jawOpen": 0.93, "eyeBlinkLeft": 0.86, "eyeBlinkRight": 0.86, "mouthSmileLeft": 0.93, "mouthSmileRight": 0.93,
    "browInnerUp": 0.91, "browOuterUpLeft": 0.9, "browOuterUpRight": 0.89, "browDownLeft": 0.42, "browDownRight": 0.38,
}  # fmt: skip


@pytest.fixture(scope="module")
def long_clip():
    """Ten seconds of two people at 720p who cross, with noise of 3 % and a board before the first for five frames."""
    people = [
        speaking(11, FRAMES, (380, 330), (520, 0)),
        speaking(29, FRAMES, (900, 360), (-520, 0), scale=66),
    ]
    return people, list(SyntheticClip(people, hidden=[(*HIDDEN, 0)]))


@pytest.mark.slow
def test_ten_seconds_of_two_people(long_clip):
    people, clip = long_clip
    owner, weights, at = {}, {0: [], 1: []}, {0: [], 1: []}
    for frame in Reconstructor(faces="all").track([frame.image for frame in clip], smooth="zero-phase"):
        for face in frame.faces:
            apart = np.linalg.norm(face.landmarks[:, :2] - clip[frame.index].landmarks, axis=2).mean(1)
            who = int(apart.argmin())
            assert owner.setdefault(face.index, who) == who, frame.index
            assert who == 1 or not HIDDEN[0] <= frame.index < HIDDEN[1]
            if who == 1 or not CROSSING[0] <= frame.index < CROSSING[1]:
                assert apart[who] < 10, frame.index
                weights[who].append([face.blendshapes[name] for name in LEAST])
                at[who].append(frame.index)
    assert sorted(owner.values()) == [0, 1]
    assert len(at[1]) == FRAMES
    assert len(at[0]) == FRAMES - (HIDDEN[1] - HIDDEN[0]) - (CROSSING[1] - CROSSING[0])
    for who, person in enumerate(people):
        for column, (name, least) in enumerate(LEAST.items()):
            true = person.weights[at[who], ARKIT_NAMES.index(name)]
            assert np.corrcoef(np.array(weights[who])[:, column], true)[0, 1] > least, (who, name)
