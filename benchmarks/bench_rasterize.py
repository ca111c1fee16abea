"""Targets: rasterize + shade a dense face at 256 x 256 under 5 ms (B=32, 2 threads), 2x a plain scanline loop in C."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from pyface3d import ops, render

BATCH, SIZE = 32, 256


@pytest.fixture(scope="module")
def scanline(tmp_path_factory):
    """benchmarks/scanline.cpp, compiled plainly."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("scanline") / "scanline.so"
    source = Path(__file__).with_name("scanline.cpp")
    subprocess.run(["c++", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    return ctypes.CDLL(str(library))


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
    milliseconds = 1e3 * bench.median / BATCH
    bench.note(f"rasterize + shade, {threads} threads", milliseconds_per_face=milliseconds)


def bench_backward(bench, faces):
    vertices, triangles = faces[0].clone().requires_grad_(), faces[1]
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, SIZE, SIZE)
    image = ops.interpolate(ops.vertex_normals(vertices, triangles), ids, barycentrics, triangles)
    runs = {"pyface3d": lambda: torch.autograd.grad(image.sum() + depth.sum(), vertices, retain_graph=True)}
    bench.compare(f"rasterize, vertex_normals, interpolate backward B={BATCH}", runs)
