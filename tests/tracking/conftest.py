import numpy as np
import pytest

from pyface3d.data.synthetic.clip import SyntheticClip, speaking

FRAMES, HIDDEN = 60, (12, 17)


@pytest.fixture(scope="session")
def clip():
    """Two seconds of two people who cross, the one in front second; the first is hidden for five frames before."""
    people = [
        speaking(11, FRAMES, (150, 150), (300, 0), scale=42, turns=12),
        speaking(29, FRAMES, (450, 165), (-300, 0), scale=46, turns=12),
    ]
    frames = list(SyntheticClip(people, 360, 640, hidden=[(*HIDDEN, 0)]))
    return {
        "images": np.stack([frame.image for frame in frames]),
        "landmarks": np.stack([frame.landmarks for frame in frames]),
        "hidden": HIDDEN,
        "weights": np.stack([person.weights for person in people], 1),
    }
