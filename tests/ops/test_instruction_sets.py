import os
import subprocess
import sys

import pytest

CODE = """
import torch
from pyface3d import _ext, ops
from pyface3d.ops import reference
torch.manual_seed(0)
args = torch.randn(70, 3), torch.randn(70, 3, 19), torch.randn(5, 19, requires_grad=True), torch.randn(5, 3, 4)
have, want = ops.synthesize_shape(*args), reference.synthesize_shape(*args)
torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-4)
have, want = (torch.autograd.grad(x.square().sum(), args[2])[0] for x in (have, want))
torch.testing.assert_close(have, want, rtol=1e-4, atol=1e-2)  # a sum of 70 squares of order 100
print(_ext.simd_level())
"""


@pytest.mark.parametrize("level", ["base", "avx2", "avx512"])
def test_each_instruction_set_gives_the_same_numbers(level):
    environment = os.environ | {"PYFACE3D_SIMD": level}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    order = ["base", "avx2", "avx512"]
    assert order.index(run.stdout.strip()) <= order.index(level)
