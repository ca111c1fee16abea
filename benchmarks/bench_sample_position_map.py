"""Target: at least 1.5x grid_sample on the same maps and points, to the same (B, N, 3)."""

import pytest
import torch
from torch.nn.functional import grid_sample

from pyface3d import ops


def grid_sampled(maps, uv):
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1).expand(len(maps), 1, -1, 2)
    return grid_sample(maps, grid, "bilinear", "border", align_corners=True)[:, :, 0].transpose(1, 2).contiguous()


SIZES = pytest.mark.parametrize("batch, points", [(1, 53215), (32, 53215), (32, 9409), (128, 68)])
SAMPLERS = {"pyface3d": ops.sample_position_map, "grid_sample": grid_sampled}


def arguments(batch, points):
    maps, uv = torch.randn(batch, 3, 256, 256), torch.rand(points, 2)
    return maps, uv[uv[:, 1].mul(64).long().argsort()]  # neighbors in memory are near each other in a chart


@SIZES
def bench_forward(bench, batch, points):
    maps, uv = arguments(batch, points)
    ratios = bench.compare(
        f"sample_position_map forward, B={batch} N={points}",
        {key: lambda sample=sample: sample(maps, uv) for key, sample in SAMPLERS.items()},
        bytes_moved=4 * 3 * batch * (256**2 + points) if points > 1000 else 0,
    )
    assert ratios["grid_sample"] > 1


@SIZES
def bench_forward_and_backward(bench, batch, points):
    maps, uv = arguments(batch, points)
    maps.requires_grad_()
    grad = torch.randn(batch, points, 3)
    bench.compare(
        f"sample_position_map forward and backward to maps, B={batch} N={points}",
        {
            key: lambda sample=sample: torch.autograd.grad(sample(maps, uv), maps, grad)
            for key, sample in SAMPLERS.items()
        },
        bytes_moved=2 * 4 * 3 * batch * (256**2 + points),
    )
