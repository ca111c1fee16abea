import pytest
import torch

from pyface3d import MorphableModel, ops
from pyface3d.morphable import build_laplacian


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default()


def dense(triangles, vertices, kind):
    """The rows of the normalized Laplacian, written down edge by edge."""
    n = len(vertices)
    weights = torch.zeros(n, n, dtype=torch.float64)
    for corners in triangles.tolist():
        for k in range(3):
            a, b, opposite = corners[k], corners[(k + 1) % 3], corners[(k + 2) % 3]
            u, v = vertices[a] - vertices[opposite], vertices[b] - vertices[opposite]
            cotangent = u.dot(v) / torch.linalg.cross(u, v).norm()
            weights[a, b] = weights[b, a] = 1.0 if kind == "uniform" else weights[a, b] + cotangent / 2
    weights = weights.clamp(min=0)
    return weights / weights.sum(1, keepdim=True) - torch.eye(n, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["uniform", "cotangent"])
def test_it_is_the_squared_product_with_the_laplacian(kind):
    generator = torch.Generator().manual_seed(0)
    columns, rows = torch.meshgrid(torch.arange(5.0), torch.arange(4.0), indexing="xy")
    rest = torch.stack([columns, rows, 0.2 * columns * rows], 2).view(-1, 3).double()
    rest = rest + 0.1 * torch.rand(20, 3, generator=generator, dtype=torch.float64)
    n = torch.arange(20).view(4, 5)
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    triangles = torch.stack([a, c, b, b, c, d], 1).view(-1, 3)
    weights = torch.rand(20, generator=generator, dtype=torch.float64)
    laplacian = build_laplacian(triangles, rest, kind, weights)
    faces = torch.randn(3, 20, 3, generator=generator, dtype=torch.float64)
    expected = (weights[:, None] * (dense(triangles, rest, kind) @ faces).square()).sum((1, 2))
    torch.testing.assert_close(ops.laplacian_smoothness(faces, *laplacian.table), expected)


def test_a_plane_is_smooth_for_cotangents_and_a_bump_is_not():
    n, side = torch.arange(49).view(7, 7), torch.linspace(0, 1, 7)
    plane = torch.stack([*torch.meshgrid(side, side, indexing="ij"), torch.zeros(7, 7)], 2).view(-1, 3)
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    inner = torch.zeros(7, 7)
    inner[1:-1, 1:-1] = 1
    laplacian = build_laplacian(torch.stack([a, c, b, b, c, d], 1).view(-1, 3), plane, "cotangent", inner.flatten())
    bump = plane.clone()
    bump[24, 2] = 0.1
    flat, bent = ops.laplacian_smoothness(torch.stack([plane, bump]), *laplacian.table)
    assert flat < 1e-12 and abs(bent - 0.01 * (1 + 4 / 16)) < 1e-6  # the vertex, and a quarter at each of four others


def test_descent_flattens_noise_on_a_face(model):
    laplacian = build_laplacian(model.triangles, model.mean)
    noise = 0.02 * torch.randn(1, model.n_vertices, 3, generator=torch.Generator().manual_seed(0))
    faces = (model.mean + noise).requires_grad_()
    before = ops.laplacian_smoothness(faces, *laplacian.table)
    gradient = torch.autograd.grad(before.sum(), faces)[0]
    after = ops.laplacian_smoothness(faces - 0.2 * gradient, *laplacian.table)
    assert after < 0.5 * before


@pytest.mark.parametrize("kind", ["uniform", "cotangent"])
def test_how_a_large_mesh_is_numbered_does_not_matter(kind):
    n = torch.arange(3 * 3001).view(3001, 3)  # neighbors are near in number: several blocks; shuffled, they are far
    a, b, c, d = n[:-1, :-1].flatten(), n[:-1, 1:].flatten(), n[1:, :-1].flatten(), n[1:, 1:].flatten()
    triangles = torch.stack([a, c, b, b, c, d], 1).view(-1, 3)
    generator = torch.Generator().manual_seed(0)
    faces = torch.randn(5, n.numel(), 3, generator=generator, dtype=torch.float64)
    order = torch.randperm(n.numel(), generator=generator)
    results = []
    for numbers, points in ((triangles, faces), (order.argsort()[triangles], faces[:, order])):
        leaf = points.clone().requires_grad_()
        loss = ops.laplacian_smoothness(leaf, *build_laplacian(numbers, points[0], kind).table)
        loss.square().sum().backward()
        results.append((loss.detach(), leaf.grad))
    (near, near_grad), (far, far_grad) = results
    torch.testing.assert_close(near, far)
    torch.testing.assert_close(near_grad[:, order], far_grad)


def test_vertices_without_neighbors_and_degenerate_triangles_count_for_nothing():
    rest = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    for kind in ("uniform", "cotangent"):
        laplacian = build_laplacian(torch.tensor([[0, 1, 2], [1, 1, 2]]), rest, kind)
        loss = ops.laplacian_smoothness(torch.randn(2, 4, 3).requires_grad_(), *laplacian.table)
        loss.sum().backward()
        assert loss.isfinite().all() and laplacian.vertex_weights[3] == 0
    assert not loss.any()  # three points on a line have no angle


def test_a_table_moves_with_its_module_and_prints_in_a_line(model):
    laplacian = build_laplacian(model.triangles, model.mean, "cotangent").double()
    assert laplacian.weights.dtype == torch.float64 and laplacian.neighbors.dtype == torch.int32
    assert repr(laplacian) == "Laplacian(n_vertices=9409, n_edges=27871, cotangent)"


@pytest.mark.parametrize(
    ("sentence", "change"),
    [
        ("kind must be one of uniform, cotangent, got 'cot'", {"kind": "cot"}),
        (r"vertices must be \(N, 3\), got \(4, 2\)", {"vertices": torch.zeros(4, 2)}),
        (r"triangles must be \(F, 3\), got \(3,\)", {"triangles": torch.zeros(3)}),
        (r"triangles must name vertices in \[0, 4\)", {"triangles": torch.tensor([[0, 1, 4]])}),
        (r"weights must be \(4,\), got \(3,\)", {"weights": torch.ones(3)}),
        ("weights must be finite and not negative", {"weights": torch.tensor([0.0, -1, 1, 1])}),
    ],
)
def test_what_does_not_fit_is_refused_by_name(sentence, change):
    arguments = {"triangles": torch.tensor([[0, 1, 2]]), "vertices": torch.zeros(4, 3)} | change
    with pytest.raises(ValueError, match=f"build_laplacian: {sentence}"):
        build_laplacian(**arguments)
