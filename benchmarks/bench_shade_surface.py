"""Phong shading of rasterized dense faces: memory bound, so its floor is the copy rate."""

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

SIZE, LIGHT = 256, (0.0, 0.6, 0.8, 0.4, 0.6, 0.2, 10.0)


@pytest.fixture(scope="module")
def surface(faces):
    """Normals on the seen side, triangle ids, barycentrics, triangles."""
    vertices, triangles = faces
    normals = ops.vertex_normals(vertices * torch.tensor([1.0, -1.0, 1.0]), triangles)
    return normals, *ops.rasterize(vertices, triangles, SIZE, SIZE)[:2], triangles


@pytest.mark.parametrize("albedo", [None, torch.full((3,), 180.0)], ids=["normals", "one albedo"])
def bench_shade(bench, surface, albedo):
    canvas = torch.zeros(*surface[1].shape, 3, dtype=torch.uint8)
    functions = {
        "pyface3d": ops.shade_surface,
        "eager": reference.shade_surface,
        "compile": torch.compile(reference.shade_surface),
    }
    runs = {name: lambda f=f: f(*surface, albedo, canvas, LIGHT) for name, f in functions.items()}
    pixels = surface[1].numel()  # each: id and barycentrics in, canvas in, color out; normals once
    what = "normals" if albedo is None else "one albedo"
    bench.compare(f"shade_surface B=32 {SIZE}x{SIZE}, {what}", runs, bytes_moved=22 * pixels + surface[0].nbytes)
