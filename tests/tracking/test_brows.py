import numpy as np
import pytest
import torch

from pyface3d.data.synthetic.clip import Person, SyntheticClip
from pyface3d.morphable import ARKIT_NAMES
from pyface3d.reconstructor import Reconstructor
from pyface3d.reconstructor.closeups import CLOSEUP_NAMES, read_closeups
from pyface3d.reconstructor.tracking.brows import BrowArrays, Brows, beside_mean, build

FRAMES = 60


@pytest.fixture(scope="module")
def moving():
    """Two seconds of a face that raises and lowers its brows, apart and together, and turns: weights and faces."""
    time = np.arange(FRAMES) / FRAMES
    up, down = np.clip(np.sin(2 * np.pi * 2 * time), 0, 1), np.clip(np.sin(2 * np.pi * 3 * time + 1), 0, 1)
    weights = np.zeros((FRAMES, 52))
    for name in ARKIT_NAMES:
        if name.startswith("brow"):
            weights[:, ARKIT_NAMES.index(name)] = down if "Down" in name else up
    angles = np.stack([3 * np.cos(7 * time), 8 * np.sin(5 * time), 0 * time], 1)
    clip = SyntheticClip([Person(2, weights, angles, np.tile([160.0, 150.0], (FRAMES, 1)))], 320, 320, noise=0.02)
    reconstruct = Reconstructor()
    return weights, [reconstruct(frame.image)[0] for frame in clip]


def correlation(answers, weights, name):
    return np.corrcoef(answers[:, CLOSEUP_NAMES.index(name)], weights[:, ARKIT_NAMES.index(name)])[0, 1]


def test_brows_are_read_better_beside_the_mean_of_a_persons_pictures(moving):
    weights, faces = moving
    brows = Brows()
    alone = np.stack([read_closeups(face) for face in faces])
    followed = np.stack([brows.read(face) for face in faces])
    names = [name for name in CLOSEUP_NAMES if name.startswith("brow")]
    gains = [correlation(followed, weights, name) - correlation(alone, weights, name) for name in names]
    assert len(names) == 5 and np.mean(gains) > 0.03 and min(gains) > 0
    others = [k for k, name in enumerate(CLOSEUP_NAMES) if name not in names]
    assert (followed[:, others] == alone[:, others]).all() and followed.min() >= 0 and followed.max() <= 1


def test_the_first_frame_is_read_as_a_photo(moving):
    face = moving[1][0]
    assert (Brows().read(face) == read_closeups(face)).all()


def test_each_eye_stands_beside_the_other_one():
    eyes, mean = np.arange(2.0)[:, None, None] + np.zeros((2, 42, 42)), np.full((2, 42, 42), 0.25)
    pictures = beside_mean(eyes, mean)
    assert pictures.shape == (2, 4, 42, 42) and pictures.dtype == np.float32
    np.testing.assert_allclose(pictures[:, :, 0, 0], [[-0.25, 0.25, 0.75, 0.25], [0.75, 0.25, -0.25, 0.25]])


def test_the_network_in_numpy_is_the_one_that_was_trained():
    torch.manual_seed(0)
    network = build().eval()
    pictures = torch.randn(3, 4, 42, 42)
    found = BrowArrays({name: tensor.numpy() for name, tensor in network.state_dict().items()})(pictures.numpy())
    np.testing.assert_allclose(found, network(pictures).detach().numpy(), atol=1e-5)
