"""Targets: rasterize + shade a dense face at 256 x 256 under 5 ms (B=32, 2 threads), 2x a plain scanline loop in C."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from pyface3d import ops, render

BATCH, SIZE = 32, 256
ROWS, COLUMNS = 253, 211  # 53383 vertices, 105840 triangles: the size of the Basel face


@pytest.fixture(scope="module")
def scanline(tmp_path_factory):
    """benchmarks/scanline.cpp, compiled plainly."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("scanline") / "scanline.so"
    source = Path(__file__).with_name("scanline.cpp")
    subprocess.run(["c++", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    return ctypes.CDLL(str(library))


@pytest.fixture(scope="module")
def faces():
    """Half ellipsoids with a nose, 220 pixels high, at random yaw and pitch: (B, N, 3) y down, and their table."""
    v, u = torch.meshgrid(torch.linspace(-1, 1, ROWS), torch.linspace(-1, 1, COLUMNS), indexing="ij")
    x, y = torch.sin(u * 1.5) * torch.cos(v * 1.2), torch.sin(v * 1.2) / torch.sin(torch.tensor(1.2))
    z = torch.cos(u * 1.5) * torch.cos(v * 1.2) + 0.3 * torch.exp(-30 * (u**2 + v**2))
    mesh = torch.stack([x * 0.8, y, z * 0.8], -1).view(-1, 3) * 110
    generator = torch.Generator().manual_seed(0)
    yaw, pitch = (torch.rand(2, BATCH, generator=generator) - 0.5) * torch.tensor([[2.0], [0.6]])
    zero, one = torch.zeros(BATCH), torch.ones(BATCH)
    cy, sy, cp, sp = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    turn = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], 1).view(-1, 3, 3)
    nod = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], 1).view(-1, 3, 3)
    n = torch.arange(ROWS * COLUMNS).view(ROWS, COLUMNS)
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    triangles = torch.stack([a, c, b, b, c, d], 1).view(-1, 3)
    return (mesh @ (turn @ nod).transpose(1, 2) + torch.tensor([128.0, 128.0, 0])).contiguous(), triangles


def pointer(tensor):
    return ctypes.c_void_p(tensor.data_ptr())


def scanline_rasterize(library, vertices, triangles):
    ids = torch.empty(BATCH, SIZE, SIZE, dtype=torch.int32)
    barycentrics, depth = torch.empty(BATCH, SIZE, SIZE, 3), torch.empty(BATCH, SIZE, SIZE)
    table = pointer(triangles)
    for v, i, b, d in zip(vertices, ids, barycentrics, depth):
        library.rasterize(pointer(v), table, pointer(i), pointer(b), pointer(d), len(triangles), SIZE, SIZE)
    return ids, barycentrics, depth


def scanline_shade(library, vertices, triangles):
    ids, barycentrics, _ = scanline_rasterize(library, vertices, triangles)
    normals, image = torch.empty_like(vertices), torch.empty(BATCH, SIZE, SIZE, 3, dtype=torch.uint8)
    for v, n, i, b, out in zip(vertices, normals, ids, barycentrics, image):
        library.vertex_normals(pointer(v), pointer(triangles), pointer(n), len(v), len(triangles))
        library.shade(pointer(triangles), pointer(i), pointer(b), pointer(n), pointer(out), SIZE * SIZE)
    return image


@pytest.mark.parametrize("threads", [1, 2])
def bench_rasterize(bench, scanline, faces, threads):
    torch.set_num_threads(threads)
    vertices, triangles = faces
    same = (ops.rasterize(*faces, SIZE, SIZE)[0] == scanline_rasterize(scanline, *faces)[0]).float().mean()
    assert same > 0.999  # pixels on edges and ties may differ
    runs = {
        "pyface3d": lambda: ops.rasterize(vertices, triangles, SIZE, SIZE),
        "scanline in C, 1 thread": lambda: scanline_rasterize(scanline, vertices, triangles),
    }
    bench.compare(f"rasterize B={BATCH} {SIZE}x{SIZE}, {threads} threads", runs)


@pytest.mark.parametrize("threads", [1, 2])
def bench_shade(bench, scanline, faces, threads):
    torch.set_num_threads(threads)
    vertices, triangles = faces
    runs = {
        "pyface3d": lambda: render.shade(vertices, triangles, SIZE, SIZE),
        "scanline in C, 1 thread": lambda: scanline_shade(scanline, vertices, triangles),
    }
    bench.compare(f"rasterize + shade B={BATCH} {SIZE}x{SIZE}, {threads} threads", runs)
    milliseconds = 1e3 * bench.results[-1]["times"]["pyface3d"]["median"] / BATCH
    bench.note(f"rasterize + shade, {threads} threads", milliseconds_per_face=milliseconds)


def bench_backward(bench, faces):
    vertices, triangles = faces[0].clone().requires_grad_(), faces[1]
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, SIZE, SIZE)
    image = ops.interpolate(ops.vertex_normals(vertices, triangles), ids, barycentrics, triangles)
    runs = {"pyface3d": lambda: torch.autograd.grad(image.sum() + depth.sum(), vertices, retain_graph=True)}
    bench.compare(f"rasterize, vertex_normals, interpolate backward B={BATCH}", runs)
