import math

import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

CORNER = torch.tensor([[0, 1, 2]])
# (coordinate, value) of a vertex that cannot be drawn: not finite, or out of reach
OUTSIDE = [(d, float(v)) for d in range(3) for v in ("nan", "inf")] + [(d, v) for d in range(2) for v in (2e5, -2e5)]


def soup(batch=2, count=7, size=12.0, seed=0, requires_grad=True):
    """Random triangles that overlap and hang out of the picture."""
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.rand(batch, count * 3, 3, generator=generator) * (size + 6) - 3
    return vertices.requires_grad_(requires_grad), torch.arange(count * 3).view(-1, 3)


def random_rotation(generator):
    q = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    return q * torch.linalg.det(q).sign()


def surface(function):
    """The differentiable outputs alone: gradcheck stumbles over an integer one."""
    return lambda *args: function(*args)[1:]


@pytest.mark.parametrize("seed", range(8))
def test_equals_every_pixel_against_every_triangle(seed):
    vertices, triangles = soup(2, 40, 30, seed, requires_grad=False)
    for cull in (False, True):
        ids, barycentrics, depth = ops.rasterize(vertices.double(), triangles, 31, 29, cull)
        want = reference.rasterize(vertices.double(), triangles, 31, 29, cull)
        assert torch.equal(ids, want[0])
        torch.testing.assert_close((barycentrics, depth), want[1:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_bands_do_not_show(threads, batch):
    vertices, triangles = soup(batch, 50, 64, requires_grad=False)
    whole = ops.rasterize(vertices, triangles, 64, 64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        again = ops.rasterize(vertices, triangles, 64, 64)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(whole, again))


def counts(corners, height, width, cull):
    """How many triangles own each pixel: every triangle is drawn alone."""
    return (ops.rasterize(corners, CORNER, height, width, cull)[0] >= 0).sum(0)


@pytest.mark.parametrize("pose", range(50))
def test_sphere_has_no_pinholes(pose):
    generator = torch.Generator().manual_seed(pose)
    size = int(torch.randint(8, 90, (), generator=generator))
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.creation.icosphere(subdivisions=int(torch.randint(1, 4, (), generator=generator)))
    radius = size * (0.2 + 0.5 * float(torch.rand((), generator=generator)))
    center = torch.rand(3, generator=generator, dtype=torch.float64) * size
    vertices = torch.from_numpy(mesh.vertices) @ random_rotation(generator).T * radius + center
    vertices = (vertices * torch.tensor([1.0, -1.0, 1.0])).float()[None]  # to y down ...
    vertices[..., 1] += size  # ... and into the picture
    triangles = torch.from_numpy(mesh.faces).long()
    front = counts(vertices[0, triangles], size, size, True)
    back = counts(vertices[0, triangles], size, size, False) - front
    assert front.max() <= 1 and torch.equal(front, back)  # each pixel of the disc: one front, one back
    ids = ops.rasterize(vertices, triangles, size, size, True)[0][0]
    assert torch.equal(ids >= 0, front > 0)
    assert torch.equal(ids, ops.rasterize(vertices, triangles, size, size)[0][0])
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inner = radius * float((mesh.face_normals * mesh.triangles[:, 0]).sum(1).min())  # the inscribed sphere
    disc = (x - center[0]) ** 2 + (y - (size - center[1])) ** 2 < (inner - 0.01) ** 2
    assert (ids >= 0)[disc].all()


@pytest.mark.parametrize("pose", range(50))
def test_plane_has_no_pinholes_and_no_double_pixels(pose):
    generator = torch.Generator().manual_seed(100 + pose)
    steps, size = int(torch.randint(2, 24, (), generator=generator)), int(torch.randint(6, 60, (), generator=generator))
    line = torch.linspace(-1, 1, steps, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).view(-1, 2)
    n = torch.arange(steps * steps).view(steps, steps)
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    triangles = torch.cat([torch.stack([a, b, c], 1), torch.stack([b, d, c], 1)])
    angle = float(torch.rand((), generator=generator)) * 2 * math.pi if pose % 5 else 0.0  # every fifth: pixel aligned
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    scale = size * (0.3 + 0.5 * float(torch.rand((), generator=generator))) if pose % 5 else (steps - 1) / 2
    center = size / 2 if pose % 5 else scale + 1
    xy = grid @ turn.T * scale + center
    vertices = torch.cat([xy, torch.zeros(len(xy), 1, dtype=torch.float64)], 1).float()[None]
    owners = counts(vertices[0, triangles], size, size, False)
    assert owners.max() <= 1
    ids = ops.rasterize(vertices, triangles, size, size)[0][0]
    assert torch.equal(ids >= 0, owners > 0)
    y, x = torch.meshgrid(torch.arange(size).double(), torch.arange(size).double(), indexing="ij")
    local = (torch.stack([x, y], -1) - center) @ turn / scale
    assert (ids >= 0)[(local.abs() < 1 - 0.01 / scale).all(-1)].all()


def test_top_left_rule_on_a_square_of_pixels():
    square = torch.tensor([[[1.0, 1, 0], [4, 1, 0], [4, 4, 0], [1, 4, 0]]])
    for triangles in ([[0, 1, 2], [0, 2, 3]], [[1, 2, 3], [3, 0, 1]], [[2, 1, 0], [2, 0, 3]]):
        ids = ops.rasterize(square, torch.tensor(triangles), 6, 6)[0][0] >= 0
        want = torch.zeros(6, 6, dtype=torch.bool)
        want[1:4, 1:4] = True  # top and left edges are in, bottom and right ones are not
        assert torch.equal(ids, want)


def test_nearer_wins_and_the_first_of_equals():
    near = torch.tensor([[0.0, 0, 2], [4, 0, 2], [0, 4, 2]])
    far = near - torch.tensor([0.0, 0, 1])
    triangles = torch.arange(6).view(2, 3)
    assert (ops.rasterize(torch.cat([far, near])[None], triangles, 3, 3)[0][0, 0] == 1).all()
    assert (ops.rasterize(torch.cat([near, far])[None], triangles, 3, 3)[0][0, 0] == 0).all()
    assert (ops.rasterize(torch.cat([near, near])[None], triangles, 3, 3)[0][0, 0] == 0).all()


def test_bad_triangles_are_skipped_and_others_drawn():
    good = torch.tensor([[0.0, 0, 1], [9, 0, 1], [0, 9, 1]])
    bad = [good.clone() for _ in range(6)]
    bad[0][1, 0], bad[1][2, 2], bad[2][0, 1] = float("nan"), float("inf"), 1e30
    bad[3][:] = bad[3][:1]  # a point
    bad[4][2] = torch.tensor([4.5, 0, 1])  # a line
    bad[5] += 1000  # outside
    vertices = torch.cat([*bad, good])[None]
    alone = ops.rasterize(good[None], CORNER, 8, 8)
    ids, barycentrics, depth = ops.rasterize(vertices, torch.arange(21).view(7, 3), 8, 8)
    assert torch.equal(ids, alone[0] + 6 * (alone[0] >= 0)) and (alone[0] >= 0).sum() == 43
    assert torch.equal(barycentrics, alone[1]) and torch.equal(depth, alone[2])


def test_thin_triangles_keep_barycentrics_within_the_triangle():
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(4000, 1, 3, generator=generator) * 8
    b = torch.rand(4000, 1, 3, generator=generator) * 8
    middle = (a + b) / 2 + (torch.rand(4000, 1, 3, generator=generator) - 0.5) * 1e-3
    corners = torch.cat([a, b, middle], 1)
    kept = torch.rand(4000, 3, 1, generator=generator) > 0.5  # the others lie on pixel centers
    corners[..., :2] = corners[..., :2].where(kept, corners[..., :2].round())
    ids, barycentrics, depth = ops.rasterize(corners, CORNER, 8, 8)
    drawn = ids >= 0
    assert drawn.any() and (barycentrics >= 0).all()
    torch.testing.assert_close(barycentrics[drawn].sum(-1), torch.ones(int(drawn.sum())))
    low, high = corners[..., 2].amin(1)[:, None, None], corners[..., 2].amax(1)[:, None, None]
    assert ((depth >= low - 1e-4) & (depth <= high + 1e-4))[drawn].all()


def test_large_triangles_and_far_vertices():
    vertices = torch.tensor([[[-1e5, -1e5, 0.0], [1e5, -1e5, 0], [0, 1e5, 0]]])
    assert (ops.rasterize(vertices, CORNER, 40, 50)[0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_small_middling_and_large_triangles_at_once(dtype):
    generator = torch.Generator().manual_seed(6)
    reach = torch.tensor([3.0, 30, 250], dtype=dtype).repeat_interleave(6)[:, None, None]
    vertices = (40 + reach * (torch.rand(18, 3, 3, dtype=dtype, generator=generator) - 0.5)).reshape(1, 54, 3)
    vertices = (vertices * 4096).round() / 4096
    triangles = torch.arange(54).reshape(18, 3)
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, 66, 81)
    wanted = reference.rasterize(vertices, triangles, 66, 81)
    assert ids.unique().numel() > 9 and torch.equal(ids, wanted[0])
    torch.testing.assert_close((barycentrics, depth), wanted[1:], rtol=1e-4, atol=1e-4)


def test_one_pixel():
    vertices = torch.tensor([[[-1.0, -1, 3], [2, -1, 3], [-1, 2, 3]]])
    ids, barycentrics, depth = ops.rasterize(vertices, CORNER, 1, 1)
    assert ids.item() == 0 and depth.item() == 3
    torch.testing.assert_close(barycentrics.view(3), torch.full((3,), 1 / 3))


def test_no_gradient_from_empty_pixels():
    vertices, triangles = soup(1, 1)
    _, barycentrics, depth = ops.rasterize(vertices + 100, triangles, 8, 8)
    assert torch.autograd.grad(depth.sum() + barycentrics.square().sum(), vertices)[0].eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("corner", range(3))
@pytest.mark.parametrize("coordinate, value", OUTSIDE)
def test_each_corner_and_coordinate_can_leave_a_triangle_out(dtype, corner, coordinate, value):
    vertices = torch.tensor([[[0, 0, 1], [9, 0, 2], [0, 9, 3]]], dtype=dtype)
    vertices[0, corner, coordinate] = value
    ids, barycentrics, depth = ops.rasterize(vertices.requires_grad_(), CORNER, 9, 9)
    (grad,) = torch.autograd.grad(barycentrics.sum() + depth.sum(), vertices)
    assert ids.eq(-1).all() and depth.eq(0).all() and grad.eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [(-40.0, 0.0), (40.0, 0.0), (0.0, -40.0), (0.0, 40.0), (-4.0, -4.0), (4.0, 4.0)])
@pytest.mark.parametrize("cull", [False, True])
def test_triangles_beside_and_across_the_picture(dtype, shift, cull):
    vertices, triangles = soup(requires_grad=False)
    vertices = vertices.to(dtype) + torch.tensor([*shift, 0.0], dtype=dtype)
    for have, want in zip(
        ops.rasterize(vertices, triangles, 12, 12, cull),
        reference.rasterize(vertices, triangles, 12, 12, cull),
        strict=True,
    ):
        torch.testing.assert_close(have, want, rtol=1e-5, atol=1e-4)  # z and b of slivers of some pixels
