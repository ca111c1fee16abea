import pytest
import torch

from pyface3d import ops


def arguments(batch=2, requires_grad=True):
    generator = torch.Generator().manual_seed(4)
    vertices = torch.rand(batch, 9, 3, generator=generator, requires_grad=requires_grad)
    return vertices, torch.randint(0, 8, (12, 3), generator=generator)  # vertex 8 is in no triangle


def test_point_out_of_a_sphere():
    trimesh = pytest.importorskip("trimesh")
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


def test_a_triangle_that_names_a_vertex_twice_has_no_normal():
    vertices = torch.rand(1, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    normals = ops.vertex_normals(vertices, torch.tensor([[0, 1, 1], [2, 0, 2]]))
    assert normals.eq(0).all() and torch.autograd.grad(normals.sum(), vertices)[0].eq(0).all()


@pytest.mark.parametrize("coordinate", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_coordinate_that_is_not_finite_keeps_gradients_finite(coordinate, dtype):
    vertices, triangles = arguments(requires_grad=False)
    vertices = vertices.to(dtype)
    vertices[0, 3, coordinate] = float("inf")
    normals = ops.vertex_normals(vertices.requires_grad_(), triangles)
    (grad,) = torch.autograd.grad(normals.square().sum(), vertices)
    assert normals.isfinite().all() and grad.isfinite().all()


@pytest.mark.parametrize("coordinate", range(3))
def test_edges_along_one_axis_are_checked_for_each_coordinate(coordinate):
    # the cross product overflows in one coordinate alone
    corners = torch.zeros(1, 3, 3)
    corners[0, 1, (coordinate + 1) % 3] = corners[0, 2, (coordinate + 2) % 3] = 1e30
    normals = ops.vertex_normals(corners.requires_grad_(), torch.tensor([[0, 1, 2]]))
    (grad,) = torch.autograd.grad(normals.sum(), corners)
    assert normals.eq(0).all() and grad.eq(0).all()
