import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data (PYFACE3D_DATA); tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PYFACE3D_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no data folder: set PYFACE3D_DATA")
    return folder
