"""Targets, forward and backward: 25x eager and 4x compiled on AVX-512 (15x, 4x on AVX2), under 32 MB extra memory."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

VERTICES, COUNT = 53215, 50


def arguments(batch):
    torch.manual_seed(0)
    target_coeffs, target_pose = torch.randn(batch, COUNT), 5 * torch.randn(batch, 3, 4)
    coeffs, pose = (x + 0.1 * torch.randn_like(x) for x in (target_coeffs, target_pose))
    mean, basis = 5 * torch.randn(VERTICES, 3), 0.3 * torch.randn(VERTICES, 3, COUNT)
    return mean, basis, coeffs.requires_grad_(), pose.requires_grad_(), target_coeffs, target_pose


@pytest.mark.parametrize("batch", [1, 16, 128])
def bench_forward_and_backward(bench, batch):
    args = arguments(batch)
    compiled = torch.compile(reference.wing_vertex_loss)
    functions = {"pyface3d": ops.wing_vertex_loss, "eager": reference.wing_vertex_loss, "compile": compiled}
    runs = {name: lambda f=f: torch.autograd.grad(f(*args).sum(), args[2:4]) for name, f in functions.items()}
    name = f"wing_vertex_loss forward+backward B={batch}"
    bench.compare(name, runs, flops=3 * 2 * batch * VERTICES * 3 * COUNT, bytes_moved=4 * VERTICES * 3 * (COUNT + 1))
    if batch == 128:
        bench.memory("wing_vertex_loss, peak extra memory", runs)


@pytest.mark.parametrize("kind", ["l1", "smooth_l1", "l2"])
def bench_kinds(bench, kind):
    args = arguments(16)
    functions = {"pyface3d": ops.wing_vertex_loss, "eager": reference.wing_vertex_loss}
    runs = {
        name: lambda f=f: torch.autograd.grad(f(*args, kind=kind).sum(), args[2:4]) for name, f in functions.items()
    }
    bench.compare(f"wing_vertex_loss {kind} forward+backward B=16", runs)
