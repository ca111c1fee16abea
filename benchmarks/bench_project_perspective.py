"""Projection through a pinhole camera, forward and backward: a pass each, so its floor is the copy rate."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

VERTICES = 53215


@pytest.mark.parametrize("batch", [1, 32])
def bench_forward_and_backward(bench, batch):
    vertices, pose = torch.randn(batch, VERTICES, 3), torch.randn(batch, 3, 4)
    pose[:, 2, 3] += 20
    intrinsics = torch.tensor([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]]).repeat(batch, 1, 1)
    arguments = [a.requires_grad_() for a in (vertices, pose, intrinsics)]
    grad = torch.randn(batch, VERTICES, 3)
    functions = {
        "pyface3d": ops.project_perspective,
        "eager": reference.project_perspective,
        "compile": torch.compile(reference.project_perspective),
    }
    runs = {name: lambda f=f: torch.autograd.grad(f(*arguments), arguments, grad) for name, f in functions.items()}
    moved = 4 * batch * VERTICES * 3 * 5  # vertices in, result out; its gradient and vertices in, their gradient out
    bench.compare(f"project_perspective forward+backward B={batch}", runs, bytes_moved=moved)
