"""Projection of vertices, forward and backward: a pass each, so its floor is the copy rate."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

VERTICES = 53215


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("batch", [1, 32])
def bench_forward_and_backward(bench, batch, rows):
    vertices, pose = torch.randn(batch, VERTICES, 3, requires_grad=True), torch.randn(batch, rows, 4)
    pose.requires_grad_()
    grad = torch.randn(batch, VERTICES, rows)
    functions = {
        "pyface3d": ops.project_weak_perspective,
        "eager": reference.project_weak_perspective,
        "compile": torch.compile(reference.project_weak_perspective),
    }
    runs = {
        name: lambda f=f: torch.autograd.grad(f(vertices, pose), (vertices, pose), grad)
        for name, f in functions.items()
    }
    moved = 4 * batch * VERTICES * (3 + rows + rows + 3 + 3)  # vertices in, result out; both gradients, vertices again
    bench.compare(f"project_weak_perspective forward+backward B={batch} R={rows}", runs, bytes_moved=moved)
