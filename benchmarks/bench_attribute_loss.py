"""Masked cross entropy over 40 attributes."""

import torch

from pyface3d import ops
from pyface3d.ops import reference


def bench_forward_and_backward(bench):
    logits, labels = torch.randn(128, 40, requires_grad=True), torch.randint(-1, 2, (128, 40)).float()
    alpha = torch.rand(40) * 20
    functions = {
        "pyface3d": ops.attribute_loss,
        "eager": reference.attribute_loss,
        "compile": torch.compile(reference.attribute_loss),
    }
    runs = {
        name: lambda f=f: torch.autograd.grad(f(logits, labels, alpha).sum(), logits) for name, f in functions.items()
    }
    bench.compare("attribute_loss forward+backward (128, 40)", runs)
