import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference

op = torch.ops.pyface3d.shade_surface.default
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


@pytest.mark.parametrize("albedo", ["none", "one", "each"])
@pytest.mark.parametrize("canvas", [False, True])
@pytest.mark.parametrize("exponent", [5.0, 0.0, 3.5])
def test_equals_reference(albedo, canvas, exponent):
    args = arguments()
    size = (*args[1].shape, 3)
    albedo = {"none": None, "one": torch.tensor([200.0, 150.0, 99.0]), "each": torch.rand(size) * 255}[albedo]
    behind = torch.randint(0, 256, size, dtype=torch.uint8) if canvas else None
    rest = (albedo, behind, (*LIGHT[:6], exponent), 0.7)
    near(ops.shade_surface(*args, *rest), reference.shade_surface(*args, *rest))


def test_contract():
    args = (*arguments(), torch.full((3,), 200.0), None, list(LIGHT), 1.0)
    torch.library.opcheck(op, args)
    want = ops.shade_surface(*args)
    assert torch.equal(torch.compile(ops.shade_surface, fullgraph=True, backend="aot_eager")(*args), want)
    strided = torch.stack([args[0], args[0]], -1)[..., 0]
    assert torch.equal(ops.shade_surface(strided, *args[1:]), want)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert torch.equal(ops.shade_surface(*args), want)
    finally:
        torch.set_num_threads(threads)


def test_empty():
    normals, ids, barycentrics, triangles = arguments()
    out = ops.shade_surface(normals[:0], ids[:0], barycentrics[:0], triangles, None, None, LIGHT)
    assert out.shape == (0, 37, 53, 3)


def test_bad_normals_are_black():
    normals, ids, barycentrics, triangles = arguments()
    out = ops.shade_surface(normals * float("nan"), ids, barycentrics, triangles, torch.ones(3), None, LIGHT)
    assert out.eq(0).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({0: torch.rand(2, 30, 3).double()}, "normals must be float32"),
        ({4: torch.rand(4)}, r"albedo must be \(B, H, W, 3\) or \(3,\)"),
        ({5: torch.zeros(2, 37, 53, 3)}, "canvas must be uint8"),
        ({6: (0.0, 0.0, 1.0)}, "light must be 7 numbers"),
        ({3: torch.tensor([[0, 1, 30]])}, r"triangles\[0\] names vertex 30, but normals has 30"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    args = [change.get(i, a) for i, a in enumerate((*arguments(), torch.ones(3), None, LIGHT))]
    with pytest.raises(RuntimeError, match=message):
        ops.shade_surface(*args)
