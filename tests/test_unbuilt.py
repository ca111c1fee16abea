"""What pytest says in a clone whose kernels are not built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyface3d._ext

TESTS = Path(__file__).parent


def test_an_unbuilt_clone_says_what_to_do(tmp_path):
    package, tests = tmp_path / "pyface3d", tmp_path / "tests"
    (tests / "ops").mkdir(parents=True)
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(pyface3d._ext.__file__, package)
    shutil.copy(TESTS / "conftest.py", tests)
    for name in "abc":
        (tests / "ops" / f"test_{name}.py").write_text("from pyface3d import ops\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for arguments in ([], ["tests/ops/test_a.py"]):
        done = subprocess.run([*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        (sentence,) = (done.stdout + done.stderr).splitlines()
        assert done.returncode == 1 and "pip install -e '.[test]' --no-build-isolation" in sentence
        assert str(tmp_path) in sentence and "kernels are not built here" in sentence
