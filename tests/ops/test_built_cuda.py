"""Kernels built with another CUDA than torch's say so, once and in one sentence."""

import subprocess
import sys

import pytest
import torch

from pyface3d import _ext


@pytest.mark.parametrize("built, torch_cuda", [(0, "12.6"), (13000, None), (13000, "13.2"), (12080, "12.6")])
def test_nothing_is_said_where_nothing_differs(built, torch_cuda):
    assert _ext.cuda_remark(built, torch_cuda) is None


def test_another_major_version_is_one_sentence_with_a_command():
    remark = _ext.cuda_remark(13000, "12.6")
    assert "CUDA 13.0" in remark and "12.6" in remark and "pip install --no-binary pyface3d" in remark
    assert remark.count("\n") == 0


def test_import_warns_once_where_torch_has_another_cuda():
    other = 12 if _ext.built_cuda() // 1000 != 12 else 11
    code = f"import torch; torch.version.cuda = '{other}.1'; import pyface3d.ops, pyface3d.losses"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("RuntimeWarning: pyface3d's CUDA kernels") == (1 if _ext.built_cuda() else 0)


def test_version_is_the_toolkits():
    assert (_ext.cuda_version() is None) == (torch.ops.pyface3d.cuda_version() == 0)
