import torch

from pyface3d import ops
from pyface3d.ops import reference


def arguments(shared=False, channels=3, batch=2):
    generator = torch.Generator().manual_seed(2)
    vertices = torch.rand(batch, 12, 3, generator=generator) * 10
    triangles = torch.randint(0, 12, (9, 3), generator=generator)
    ids, barycentrics, _ = ops.rasterize(vertices, triangles, 7, 8)
    attributes = torch.rand(*(() if shared else (batch,)), 12, channels, generator=generator, requires_grad=True)
    return attributes, ids, barycentrics.requires_grad_(), triangles


def test_gives_back_the_pixel():
    vertices = torch.tensor([[[0.0, 0, 1], [9, 0, 2], [0, 9, 3]]])
    triangles = torch.tensor([[0, 1, 2]])
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, 9, 9)
    out = ops.interpolate(vertices, ids, barycentrics, triangles)
    y, x = (ids[0] >= 0).nonzero().unbind(1)
    want = torch.stack([x.float(), y.float(), depth[0, y, x]], 1)
    torch.testing.assert_close(out[0, y, x], want, atol=1e-5, rtol=1e-5)
    assert out[ids < 0].eq(0).all()


def test_gradients_of_triangles_that_fill_the_picture():
    # on a GPU a vertex with very many pixels is summed by a whole block; those of the small triangles are not
    corners = torch.tensor([[0.0, 0], [99, 0], [0, 99], [99, 99], [10, 10], [14, 10], [10, 14]], dtype=torch.float64)
    vertices = torch.cat([corners, torch.tensor([[1.0, 2, 3, 4, 9, 9, 8]]).T.double()], 1)[None]
    triangles = torch.tensor([[0, 1, 2], [3, 1, 2], [4, 5, 6]])
    ids, barycentrics, _ = ops.rasterize(vertices, triangles, 70, 80)
    for channels in (1, 3, 4):
        weights = torch.rand(1, 70, 80, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
        grads = []
        for interpolate in (ops.interpolate, reference.interpolate):
            attributes = torch.ones(1, 7, channels, dtype=torch.float64, requires_grad=True)
            (interpolate(attributes, ids, barycentrics, triangles) * weights).sum().backward()
            grads.append(attributes.grad)
        torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-12)


def test_gradient_through_rasterize_to_vertices():
    generator = torch.Generator().manual_seed(3)
    vertices = (torch.rand(1, 6, 3, dtype=torch.float64, generator=generator) * 8).requires_grad_()
    triangles = torch.tensor([[0, 1, 2], [3, 4, 5]])

    def shade(v):
        ids, barycentrics, _ = ops.rasterize(v, triangles, 8, 8)
        return ops.interpolate(v * v, ids, barycentrics, triangles)

    assert torch.autograd.gradcheck(shade, vertices)
