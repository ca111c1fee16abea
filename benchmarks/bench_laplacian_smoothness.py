"""Laplacian smoothness at the size of the Basel face against torch.sparse.mm: at least 5x forward and backward."""

import pytest
import torch

from pyface3d import ops
from pyface3d.morphable import build_laplacian
from pyface3d.ops import reference


def sparse_matrix(offsets, neighbors, weights, n):
    """The table as a sparse matrix (N, N), the vertices themselves on its diagonal."""
    rows = torch.arange(n).repeat_interleave(offsets.long().diff())
    weights = torch.ones(len(neighbors)) if weights is None else weights
    sums = torch.zeros(n).index_add(0, rows, weights)
    places = torch.stack([torch.cat([rows, torch.arange(n)]), torch.cat([neighbors.long(), torch.arange(n)])])
    return torch.sparse_coo_tensor(places, torch.cat([weights, -sums]), (n, n)).coalesce()


@pytest.mark.parametrize("kind", ["uniform", "cotangent"])
def bench_forward_and_backward(bench, faces, kind):
    vertices, triangles = faces[0].clone().requires_grad_(), faces[1]
    table = build_laplacian(triangles, faces[0][0], kind).table
    offsets, neighbors, weights, vertex_weights = table
    matrix = sparse_matrix(offsets, neighbors, weights, vertices.shape[1])
    csr = matrix.to_sparse_csr()

    def product(matrix):
        columns = vertices.transpose(0, 1).flatten(1)  # (N, 3 B)
        squares = torch.sparse.mm(matrix, columns).unflatten(1, (-1, 3)).square().sum(2)  # (N, B)
        return (squares * vertex_weights[:, None]).sum(0)

    def with_gradient(function):
        return torch.autograd.grad(function().sum(), vertices)

    compiled = torch.compile(reference.laplacian_smoothness)
    runs = {
        "pyface3d": lambda: with_gradient(lambda: ops.laplacian_smoothness(vertices, *table)),
        "sparse.mm": lambda: with_gradient(lambda: product(matrix)),
        "sparse.mm csr": lambda: with_gradient(lambda: product(csr)),
        "compile": lambda: with_gradient(lambda: compiled(vertices, *table)),
    }
    bench.compare(f"laplacian_smoothness {kind} forward+backward B=32", runs, bytes_moved=3 * vertices.nbytes)
