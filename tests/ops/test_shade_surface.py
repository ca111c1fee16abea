import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

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


@pytest.mark.parametrize("albedo", [None, torch.tensor([200.0, 150.0, 90.0])])
@pytest.mark.parametrize("specular, exponent", [(0.2, 5.0), (0.2, 0.0), (0.2, 3.5), (0.2, 100.0), (0.0, 5.0)])
def test_every_highlight_is_the_references(albedo, specular, exponent):
    light = (*LIGHT[:5], specular, exponent)
    args = arguments()
    near(ops.shade_surface(*args, albedo, None, light), reference.shade_surface(*args, albedo, None, light))


def test_bad_normals_are_black():
    normals, ids, barycentrics, triangles = arguments()
    out = ops.shade_surface(normals * float("nan"), ids, barycentrics, triangles, torch.ones(3), None, LIGHT)
    assert out.eq(0).all()
