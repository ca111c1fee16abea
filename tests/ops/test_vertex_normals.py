import pytest
import torch
import trimesh

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.vertex_normals.default


def arguments(batch=2, requires_grad=True):
    generator = torch.Generator().manual_seed(4)
    vertices = torch.rand(batch, 9, 3, generator=generator, requires_grad=requires_grad)
    return vertices, torch.randint(0, 8, (12, 3), generator=generator)  # vertex 8 is in no triangle


def test_contract():
    args = arguments()
    check_op(ops.vertex_normals, reference.vertex_normals, args, opcheck=(op, args))


@pytest.mark.parametrize("batch", [1, 5, 19])
def test_many_faces(batch):
    args = arguments(batch)
    check_op(ops.vertex_normals, reference.vertex_normals, args, gradcheck=False, compile=False)


def test_point_out_of_a_sphere():
    mesh = trimesh.creation.icosphere(subdivisions=3)
    vertices = torch.from_numpy(mesh.vertices)[None]
    normals = ops.vertex_normals(vertices, torch.from_numpy(mesh.faces).long())
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones_like(normals[..., 0]))
    assert ((normals * vertices).sum(-1) > 0.999).all()


def test_weighted_by_area():
    # two walls of a corner share the edge 0-1; the left one has four times the area
    vertices = torch.tensor([[[0.0, 0, 0], [0, 1, 0], [4, 0, 0], [0, 0, 1]]])
    normals = ops.vertex_normals(vertices, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    torch.testing.assert_close(normals[0, 0], torch.tensor([1.0, 0, 4]) / 17**0.5)


def test_no_triangle_no_normal():
    vertices, triangles = arguments(requires_grad=False)
    assert ops.vertex_normals(vertices, triangles)[:, 8].eq(0).all()


def test_not_finite_vertices_spoil_only_their_triangles():
    vertices, triangles = arguments(requires_grad=False)
    vertices[0, 3] = float("nan")
    kept = triangles[(triangles != 3).all(1)]
    normals = ops.vertex_normals(vertices, triangles)
    assert normals.isfinite().all()
    torch.testing.assert_close(normals[0], ops.vertex_normals(vertices, kept)[0])


@pytest.mark.parametrize("batch, count", [(0, 12), (2, 0)])
def test_empty(batch, count):
    vertices, triangles = arguments(batch)
    normals = ops.vertex_normals(vertices, triangles[:count])
    assert normals.shape == vertices.shape and normals.eq(0).all()
    assert torch.autograd.grad(normals.sum(), vertices)[0].eq(0).all()


@pytest.mark.parametrize(
    "vertices, triangles, message",
    [
        (torch.rand(4, 3), torch.tensor([[0, 1, 2]]), r"vertex_normals: vertices must be \(B, N, 3\)"),
        (torch.rand(1, 4, 3).half(), torch.tensor([[0, 1, 2]]), "must be float32 or float64"),
        (torch.rand(1, 4, 3), torch.tensor([[0, 1, 4]]), r"triangles\[0\] names vertex 4, but vertices has 4"),
    ],
)
def test_bad_input_is_one_sentence(vertices, triangles, message):
    with pytest.raises(RuntimeError, match=message), torch.inference_mode():
        ops.vertex_normals(vertices, triangles)
