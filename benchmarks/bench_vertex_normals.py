"""Vertex normals of dense faces against index_add of the triangles' cross products."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference


@pytest.mark.parametrize("batch", [1, 32])
def bench_forward(bench, faces, batch):
    vertices, triangles = faces[0][:batch], faces[1]
    functions = {
        "pyface3d": ops.vertex_normals,
        "eager": reference.vertex_normals,
        "compile": torch.compile(reference.vertex_normals),
    }
    runs = {name: lambda f=f: f(vertices, triangles) for name, f in functions.items()}
    bench.compare(f"vertex_normals forward B={batch}", runs, bytes_moved=2 * vertices.nbytes)


@pytest.mark.parametrize("batch", [1, 32])
def bench_forward_and_backward(bench, faces, batch):
    vertices, triangles = faces[0][:batch].clone().requires_grad_(), faces[1]
    grad = torch.randn(batch, *vertices.shape[1:])
    functions = {"pyface3d": ops.vertex_normals, "eager": reference.vertex_normals}
    runs = {
        name: lambda f=f: torch.autograd.grad(f(vertices, triangles), vertices, grad) for name, f in functions.items()
    }
    bench.compare(f"vertex_normals forward+backward B={batch}", runs, bytes_moved=5 * grad.nbytes)
