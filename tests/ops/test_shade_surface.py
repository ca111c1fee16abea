import torch

from pyface3d import ops

LIGHT = (0.36, 0.48, 0.8, 0.3, 0.6, 0.2, 5.0)


def arguments(height=37, width=53, batch=2):
    generator = torch.Generator().manual_seed(5)
    vertices = torch.rand(batch, 30, 3, generator=generator) * 60 - 5
    triangles = torch.randint(0, 30, (12, 3), generator=generator)
    ids, barycentrics, _ = ops.rasterize(vertices, triangles, height, width)
    return torch.randn(batch, 30, 3, generator=generator), ids, barycentrics, triangles


def near(have, want):
    assert have.dtype == want.dtype == torch.uint8 and have.shape == want.shape
    assert (have.int() - want.int()).abs().max() <= 1  # rounding of values half-way


def test_bad_normals_are_black():
    normals, ids, barycentrics, triangles = arguments()
    out = ops.shade_surface(normals * float("nan"), ids, barycentrics, triangles, torch.ones(3), None, LIGHT)
    assert out.eq(0).all()
