import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.morphable import build_incidence
from pyface3d.testing.running import same_bits


def test_rows_of_corners_by_hand():
    triangles = torch.tensor([[2, 0, 1], [1, 1, 0], [3, 0, 2]])  # the second has no area; vertex 4 is in none
    offsets, corners = build_incidence(triangles, 5).split([6, 9])
    assert offsets.tolist() == [0, 2, 3, 5, 6, 6]
    assert corners.tolist() == [1, 7, 2, 0, 8, 6, 3, 4, 5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_bit_of_normals_and_gradient_changes(dtype):
    model = MorphableModel.default()
    triangles = torch.cat([model.triangles[:3000], model.triangles[:1, [0, 0, 1]]])
    vertices = model.synthesize(torch.zeros(5, model.n_coeffs)).to(dtype)
    vertices[1, model.triangles[7, 0], 1] = torch.nan
    incidence = build_incidence(triangles, model.n_vertices)
    results = []
    for table in (None, incidence):
        leaf = vertices.clone().requires_grad_()
        normals = ops.vertex_normals(leaf, triangles, table)
        (grad,) = torch.autograd.grad(normals, leaf, torch.ones_like(normals).cumsum(1))
        results.append([normals.detach(), grad, ops.vertex_normals(vertices, triangles, table)])
    assert same_bits(*results)


def test_a_table_of_nonsense_reads_nothing_outside():
    vertices, triangles = torch.rand(2, 5, 3), torch.tensor([[0, 1, 2], [2, 3, 4]])
    for value in (-1, 1, 12, 2**31 - 1):
        table = torch.full((12,), value, dtype=torch.int32)
        assert ops.vertex_normals(vertices, triangles, table).shape == (2, 5, 3)


@pytest.mark.parametrize(
    ("triangles", "sentence"),
    [
        (torch.zeros(3, 4, dtype=torch.long), r"triangles must be \(F, 3\), got \(3, 4\)"),
        (torch.tensor([[0, 1, 5]]), r"must name vertices in \[0, 5\)"),
    ],
)
def test_what_is_no_mesh_is_refused(triangles, sentence):
    with pytest.raises(ValueError, match=sentence):
        build_incidence(triangles, 5)
