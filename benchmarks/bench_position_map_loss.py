"""Position-map loss, forward and backward: two passes over the maps, so its floor is the copy rate."""

import torch

from pyface3d import ops
from pyface3d.ops import reference


def bench_forward_and_backward(bench):
    pred, target = torch.rand(16, 3, 256, 256, requires_grad=True), torch.rand(16, 3, 256, 256)
    weights = torch.rand(256, 256)
    functions = {
        "pyface3d": ops.position_map_loss,
        "eager": reference.position_map_loss,
        "compile": torch.compile(reference.position_map_loss),
    }
    runs = {
        name: lambda f=f: torch.autograd.grad(f(pred, target, weights).sum(), pred) for name, f in functions.items()
    }
    bench.compare("position_map_loss forward+backward (16, 3, 256, 256)", runs, bytes_moved=5 * target.nbytes)
