"""Position maps from coefficients: baked basis, model and atlas, and plain torch; with the gradient of both inputs."""

import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, ops
from pyface3d.ops import reference

BATCH = 32


@pytest.mark.parametrize("size", [64, 256])
def bench_forward_and_backward(bench, size):
    model = MorphableModel.default()
    atlas = UVAtlas.from_model(model, size)
    baked = atlas.bake(model)
    inputs = torch.randn(BATCH, model.n_coeffs, requires_grad=True), torch.randn(BATCH, 3, 4, requires_grad=True)
    grad = torch.randn(BATCH, 3, size, size)
    maps = {
        "pyface3d": lambda: ops.synthesize_position_map(baked, *inputs),
        "not baked": lambda: ops.synthesize_position_map(model, *inputs, atlas=atlas),
        "eager": lambda: reference.synthesize_position_map(model, *inputs, atlas=atlas),
    }
    runs = {name: lambda m=m: torch.autograd.grad(m(), inputs, grad) for name, m in maps.items()}
    flops = 2 * 3 * BATCH * min(model.n_vertices, size**2) * 3 * model.n_coeffs
    bench.compare(f"synthesize_position_map forward+backward B={BATCH} {size}x{size}", runs, flops=flops)
