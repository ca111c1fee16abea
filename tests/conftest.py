import functools
import os
from pathlib import Path

import pytest

try:
    import torch

    from pyface3d import _ext  # noqa: F401
except ImportError as error:  # one sentence, not one for every file of tests
    raise SystemExit(
        "pyface3d's tests need the package, built and installed: run \"pip install -e '.[test]' --no-build-isolation\" "
        f"in {Path(__file__).parents[1]} ({str(error).partition(';')[0]})"
    ) from None


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


def generator_on(device):
    """``torch.Generator`` with another default; still a type, because annotations say ``Generator | None``."""

    class Generator(torch.Generator):
        def __new__(cls, device=device):
            return super().__new__(cls, device)

    return Generator


def made_on(device, make):
    """What is read from files or computed once on the CPU, moved to where the tests run."""

    @functools.wraps(make)
    def made(*args, **options):
        with torch.device("cpu"):
            return make(*args, **options).to(device)

    return made


def pytest_configure(config):
    device = config.getoption("--device")
    if device != "cpu":  # every factory function, and every generator, from here on
        from pyface3d import MorphableModel, UVAtlas

        torch.set_default_device(device)
        torch.Generator = generator_on(device)
        MorphableModel.default = staticmethod(made_on(device, MorphableModel.default))
        UVAtlas.from_model = staticmethod(made_on(device, UVAtlas.from_model))
        UVAtlas.bake = made_on(device, UVAtlas.bake)
