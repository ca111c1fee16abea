import os
import subprocess
import sys

import pytest

CODE = """
from pyface3d import _ext
from pyface3d.testing import RECORDS, check_op
for record in RECORDS.values():
    check_op(record, only=["values"])
print(_ext.simd_level())
"""


@pytest.mark.parametrize("level", ["base", "avx2", "avx512"])
def test_every_op_under_each_instruction_set(level):
    environment = os.environ | {"PYFACE3D_SIMD": level}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    order = ["base", "avx2", "avx512"]
    assert order.index(run.stdout.strip()) <= order.index(level)
