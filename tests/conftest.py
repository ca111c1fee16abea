import functools
import os
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data (PYFACE3D_DATA); tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PYFACE3D_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no data folder: set PYFACE3D_DATA")
    return folder


@pytest.fixture(scope="session")
def keypoint_model(data_folder):
    """3DDFA's basis of the 68 landmarks, in micrometers, as a model of 68 vertices."""
    from pyface3d import load_model

    return load_model(data_folder / "tddfa" / "keypoint_basis.npz")


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory):
    """Translated labels are kept in a folder of the tests, not beside the data."""
    os.environ["PYFACE3D_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def away_from_the_sources(tmp_path_factory):
    """Python started by a test imports the installed package, as a user's does, not the folder it was tested from."""
    os.chdir(tmp_path_factory.mktemp("away"))


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where tests make their tensors, e.g. cuda (for tests/ops)")


def pytest_configure(config):
    device = config.getoption("--device")
    if device != "cpu":  # every factory function, and every generator, from here on
        torch.set_default_device(device)
        torch.Generator = functools.partial(torch.Generator, device=device)
