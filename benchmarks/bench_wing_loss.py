"""Elementwise Wing, forward and backward: a pass each, so its floor is the copy rate."""

import torch

from pyface3d import ops
from pyface3d.ops import reference


def bench_forward_and_backward(bench):
    pred, target = (8 * torch.randn(128, 9409, 3)).requires_grad_(), torch.randn(128, 9409, 3)
    grad = torch.randn_like(target)
    functions = {
        "pyface3d": ops.wing_loss,
        "eager": reference.wing_loss,
        "compile": torch.compile(reference.wing_loss),
    }
    runs = {name: lambda f=f: torch.autograd.grad(f(pred, target), pred, grad) for name, f in functions.items()}
    bench.compare("wing_loss forward+backward (128, 9409, 3)", runs, bytes_moved=7 * target.nbytes)
