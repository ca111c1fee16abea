import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, ops


def plane_atlas(size=9, count=4):
    """An atlas of a square of count x count vertices that leaves a margin of the chart empty."""
    steps = torch.linspace(0.1, 0.8, count)
    uv = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    first = torch.arange(count * count).view(count, count)[:-1, :-1].reshape(-1, 1)
    triangles = torch.cat([first + torch.tensor([0, count, 1]), first + torch.tensor([1, count, count + 1])])
    mean = torch.cat([uv, uv.sum(1, keepdim=True)], 1)
    none = torch.zeros(count * count, 3, 0)
    return UVAtlas.from_model(MorphableModel(mean, none, none, triangles, uv=uv), size, border=0)


def gather(atlas):
    return atlas.corners, atlas.barycentrics, atlas.reader_offsets, atlas.reader_texels, atlas.reader_weights


def vertices(atlas, batch=2):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, atlas.n_vertices, 3, generator=generator, requires_grad=True)


def test_a_map_of_the_chart_is_its_coordinates():
    atlas = plane_atlas(size=11)
    uv = atlas.vertex_uv
    maps = ops.render_position_map(torch.cat([uv, uv[:, :1] * 0 + 1], 1)[None], atlas)[0]
    covered = atlas.triangle_ids >= 0
    row, column = torch.nonzero(covered).T
    torch.testing.assert_close(maps[0][covered], column / 10)
    torch.testing.assert_close(maps[1][covered], 1 - row / 10)
    assert maps[:, ~covered].eq(0).all() and maps[2][covered].sub(1).abs().max() < 1e-6
    assert covered.sum() == 8 * 8  # 0.1 .. 0.8 of ten steps


def test_nan_stays_in_the_texels_of_its_vertex():
    atlas = plane_atlas()
    v = vertices(atlas).detach()
    v[0, 5] = float("nan")
    maps = ops.render_position_map(v, atlas)
    reads = ((atlas.corners == 5) & (atlas.triangle_ids >= 0)[..., None]).any(-1)
    assert torch.equal(maps[0].isnan().any(0), reads) and not maps[1].isnan().any()


def test_backward_refuses_readers_that_do_not_fit(request):
    if request.config.getoption("--device") != "cpu":
        pytest.skip("values are not looked at on a GPU, which would have to wait for them")
    corners, weights, offsets, texels, reader_weights = gather(plane_atlas())
    backward = torch.ops.pyface3d.render_position_map_backward.default
    with pytest.raises(RuntimeError, match="readers do not fit"):
        backward(torch.zeros(1, 3, 9, 9), corners, weights, offsets, texels + 81, reader_weights)
    with pytest.raises(RuntimeError, match="readers do not fit"):
        backward(torch.zeros(1, 3, 9, 9), corners, weights, offsets + 1, texels, reader_weights)


EACH_LEVEL = """
import torch
from pyface3d import MorphableModel, UVAtlas, _ext, ops
from pyface3d.ops import reference
model = MorphableModel.default()
atlas = UVAtlas.from_model(model, 63)
vertices = model.mean.expand(5, -1, -1).clone().requires_grad_()
uv = torch.rand(1001, 2, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.1
outputs = []
for these in (ops, reference):
    maps = these.render_position_map(vertices, atlas)
    points = these.sample_position_map(maps, uv)
    outputs.append((maps, points, torch.autograd.grad(points.square().sum(), vertices)[0]))
for have, want in zip(*outputs):
    torch.testing.assert_close(have, want, rtol=1e-4, atol=1e-3)  # coordinates of ten, gradients of hundreds
print(_ext.simd_level())
"""
