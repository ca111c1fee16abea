"""Interpolation of three vertex attributes at the pixels of rasterized dense faces."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

SIZE = 256
FUNCTIONS = {"pyface3d": ops.interpolate, "eager": reference.interpolate}


@pytest.fixture(scope="module")
def arguments(faces):
    """Attributes, triangle ids, barycentrics, triangles."""
    vertices, triangles = faces
    return vertices.clone(), *ops.rasterize(vertices, triangles, SIZE, SIZE)[:2], triangles


def bench_forward(bench, arguments):
    functions = FUNCTIONS | {"compile": torch.compile(reference.interpolate)}
    runs = {name: lambda f=f: f(*arguments) for name, f in functions.items()}
    pixels = 4 * arguments[1].numel()
    # ids, barycentrics and colors once, attributes once
    bench.compare(f"interpolate forward B=32 {SIZE}x{SIZE}", runs, bytes_moved=7 * pixels + arguments[0].nbytes)


def bench_forward_and_backward(bench, arguments):
    attributes, ids, barycentrics, triangles = arguments
    wanted = attributes.clone().requires_grad_(), barycentrics.clone().requires_grad_()
    grad = torch.randn(*ids.shape, 3)
    runs = {
        name: lambda f=f: torch.autograd.grad(f(wanted[0], ids, wanted[1], triangles), wanted, grad)
        for name, f in FUNCTIONS.items()
    }
    bench.compare(f"interpolate forward+backward B=32 {SIZE}x{SIZE}", runs)
