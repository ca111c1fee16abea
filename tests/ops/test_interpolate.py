import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.interpolate.default


def arguments(shared=False, channels=3, batch=2):
    generator = torch.Generator().manual_seed(2)
    vertices = torch.rand(batch, 12, 3, generator=generator) * 10
    triangles = torch.randint(0, 12, (9, 3), generator=generator)
    ids, barycentrics, _ = ops.rasterize(vertices, triangles, 7, 8)
    attributes = torch.rand(*(() if shared else (batch,)), 12, channels, generator=generator, requires_grad=True)
    return attributes, ids, barycentrics.requires_grad_(), triangles


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_contract(shared, channels):
    args = arguments(shared, channels)
    check_op(ops.interpolate, reference.interpolate, args, opcheck=(op, args), compile=channels == 3)


def test_gives_back_the_pixel():
    vertices = torch.tensor([[[0.0, 0, 1], [9, 0, 2], [0, 9, 3]]])
    triangles = torch.tensor([[0, 1, 2]])
    ids, barycentrics, depth = ops.rasterize(vertices, triangles, 9, 9)
    out = ops.interpolate(vertices, ids, barycentrics, triangles)
    y, x = (ids[0] >= 0).nonzero().unbind(1)
    want = torch.stack([x.float(), y.float(), depth[0, y, x]], 1)
    torch.testing.assert_close(out[0, y, x], want, atol=1e-5, rtol=1e-5)
    assert out[ids < 0].eq(0).all()


def test_gradient_through_rasterize_to_vertices():
    generator = torch.Generator().manual_seed(3)
    vertices = (torch.rand(1, 6, 3, dtype=torch.float64, generator=generator) * 8).requires_grad_()
    triangles = torch.tensor([[0, 1, 2], [3, 4, 5]])

    def shade(v):
        ids, barycentrics, _ = ops.rasterize(v, triangles, 8, 8)
        return ops.interpolate(v * v, ids, barycentrics, triangles)

    assert torch.autograd.gradcheck(shade, vertices)


def test_only_wanted_gradients():
    attributes, ids, barycentrics, triangles = arguments()
    out = ops.interpolate(attributes.detach(), ids, barycentrics, triangles)
    assert torch.autograd.grad(out.sum(), barycentrics)[0].shape == barycentrics.shape
    out = ops.interpolate(attributes, ids, barycentrics.detach(), triangles)
    assert torch.autograd.grad(out.sum(), attributes)[0].shape == attributes.shape


@pytest.mark.parametrize("shared", [False, True])
def test_empty(shared):
    args = arguments(shared)
    out = ops.interpolate(args[0] if shared else args[0][:0], args[1][:0], args[2][:0], args[3])
    assert out.shape == (0, 7, 8, 3)
    out.sum().backward()
    assert args[0].grad.eq(0).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({0: torch.rand(3)}, r"interpolate: attributes must be \(B, N, C\) or \(N, C\), got \(3,\)"),
        ({0: torch.rand(3, 12, 2)}, r"with B = 2, got \(3, 12, 2\)"),
        ({0: torch.rand(2, 12, 3).double()}, "barycentrics must have the dtype of attributes"),
        ({0: torch.rand(2, 4, 3)}, "but attributes has 4"),
        ({1: torch.full((2, 7, 8), 9, dtype=torch.int32)}, "triangle_ids names triangle 9, but triangles has 9"),
        ({1: torch.zeros(2, 7, 8, dtype=torch.int64)}, "triangle_ids must be int32"),
        ({1: torch.zeros(2, 7, 7, dtype=torch.int32)}, r"got \(2, 7, 7\) and \(2, 7, 8, 3\)"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    args = [change.get(i, a.detach()) for i, a in enumerate(arguments())]
    with pytest.raises(RuntimeError, match=message), torch.inference_mode():
        ops.interpolate(*args)
