import pytest
import torch
from torch.nn.functional import grid_sample

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import assert_close


def arguments(points=7, shape=(5, 4), batch=2):
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(batch, 3, *shape, generator=generator, requires_grad=True)
    return maps, torch.rand(points, 2, generator=generator, requires_grad=True)


def test_is_grid_sample_with_aligned_corners_and_border():
    maps, uv = arguments(points=300, shape=(9, 12))
    with torch.no_grad():
        uv = uv * 1.4 - 0.2
        grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1).expand(2, 1, 300, 2)
        expected = grid_sample(maps, grid, "bilinear", "border", align_corners=True)[:, :, 0].transpose(1, 2)
        torch.testing.assert_close(ops.sample_position_map(maps, uv), expected, rtol=1e-5, atol=2e-6)


def test_texel_centers_are_exact():
    maps = arguments(shape=(5, 4))[0].detach()
    row, column = torch.meshgrid(torch.arange(5), torch.arange(4), indexing="ij")
    uv = torch.stack([column / 3, 1 - row / 4], -1).reshape(-1, 2)
    torch.testing.assert_close(ops.sample_position_map(maps, uv), maps.flatten(2).transpose(1, 2))


def test_outside_the_map_there_is_no_gradient_to_uv():
    maps, _ = arguments()
    uv = torch.tensor([[-0.5, 0.5], [0.5, 1.5]], requires_grad=True)
    grad = torch.autograd.grad(ops.sample_position_map(maps, uv).sum(), uv)[0]
    assert grad[0, 0] == 0 and grad[1, 1] == 0 and grad[0, 1] != 0 and grad[1, 0] != 0


def test_nan_and_infinite_coordinates():
    maps = arguments()[0].detach()
    uv = torch.tensor([[float("nan"), 0.5], [float("inf"), 0.5], [0.5, -float("inf")]])
    out = ops.sample_position_map(maps, uv)
    assert out[:, 0].isnan().all()
    torch.testing.assert_close(out[:, 1:], ops.sample_position_map(maps, torch.tensor([[1.0, 0.5], [0.5, 0.0]])))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (2, 2), (3, 4)])
def test_the_smallest_maps_inside_outside_and_on_the_border(size, dtype):
    maps = arguments(shape=size)[0].detach().to(dtype).requires_grad_()
    places = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5], dtype=dtype)
    uv = torch.cartesian_prod(places, places).requires_grad_()
    have, want = (
        (out.detach(), *torch.autograd.grad(out.square().sum(), (maps, uv)))
        for out in (ops.sample_position_map(maps, uv), reference.sample_position_map(maps, uv))
    )
    inside = ((uv > 0) & (uv < 1)).all(1)  # on the border the derivative by uv has two sides
    for a, b in zip((*have[:2], have[2][inside]), (*want[:2], want[2][inside]), strict=True):
        assert_close(a, b, scale=10)
