import numpy as np
import pytest
import torch

from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.methods import create_method, save_weights


@pytest.fixture(scope="session")
def portrait():
    """A made-up portrait (H, W, 3) uint8 with a margin, its landmarks and its crop."""
    sample = SyntheticFaces(size=160, seed=2024, jitter=0.0)[0]
    picture = sample["image"].permute(1, 2, 0).numpy()
    photo = np.pad(picture, ((40, 60), (30, 50), (0, 0)), mode="edge")
    return photo, sample["landmarks"].numpy()[:, :2] + [30, 40], np.float32([30, 40, 190, 200])


@pytest.fixture(scope="session")
def method():
    torch.manual_seed(0)
    return create_method("mobile_frnet").eval()


@pytest.fixture(scope="session")
def weights(method, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobile_frnet.safetensors"
    save_weights(method, path)
    return path
