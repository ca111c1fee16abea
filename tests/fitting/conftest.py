import pytest

from pyface3d import MorphableModel


@pytest.fixture(scope="session")
def model():
    return MorphableModel.default()
