import ast
import inspect
import re
import subprocess
import sys

import pytest

import pyface3d

USER = """
import pyface3d
from pyface3d import MorphableModel, Reconstructor, create_method

reconstructor = Reconstructor("mobile_frnet")
reveal_type(reconstructor)
reveal_type(reconstructor("photo.jpg")[0])
reveal_type(create_method("marn"))
reveal_type(MorphableModel.default().mean)
reveal_type(pyface3d.losses.WingLoss())
reveal_type(pyface3d.fit_landmarks)
reconstructor.undo()
"""


def test_top_package_imports_no_torch():
    code = "import sys, pyface3d; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there_typed_and_listed():
    assert [name for name in pyface3d.__all__ if getattr(pyface3d, name, None) is None] == []
    assert set(pyface3d.__all__) <= set(dir(pyface3d))
    block = next(node for node in ast.parse(inspect.getsource(pyface3d)).body if isinstance(node, ast.If))
    typed = {alias.asname for node in block.body for alias in node.names}
    assert typed | {"__version__"} == set(pyface3d.__all__)


def test_rooms_are_attributes_in_a_fresh_interpreter():
    code = "import pyface3d; print(pyface3d.atlas, pyface3d.reconstructor, pyface3d.losses, pyface3d.nets)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["nothing", "__wrapped__", "Reconstructo"])
def test_what_is_not_there_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=name):
        getattr(pyface3d, name)


def test_a_users_type_checker_sees_classes(tmp_path, request):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    cache = request.config.cache.mkdir("mypy")  # torch's types take most of the time, once
    run = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--ignore-missing-imports"]
    run += [f"--cache-dir={cache}", "user.py"]
    answer = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True).stdout
    seen = re.findall(r'Revealed type is "(.*)"', answer)
    assert [name.removeprefix("def ").split("pyface3d.")[-1] for name in seen[:3]] == [
        "reconstructor.reconstructor.Reconstructor",
        "reconstructor.face.Face",
        "methods.method.Method",
    ]
    assert seen[3].endswith("Tensor") and seen[4].endswith("losses.landmarks.WingLoss") and "LandmarkFit" in seen[5]
    assert '"Reconstructor" has no attribute "undo"' in answer
    assert "Any" not in seen
