"""Target: render and backward at least 5x torch.sparse.mm with the same matrix, from and to the same layouts.

Two baselines: the matrix as most write it (COO), and the fastest that torch has (CSR).
"""

import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, ops


def grid_model(side: int) -> MorphableModel:
    """A square of side x side vertices that fills its chart; 231 gives the Basel model's 53 k vertices."""
    steps = torch.linspace(0.01, 0.99, side)
    uv = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    first = torch.arange(side * side).view(side, side)[:-1, :-1].reshape(-1, 1)
    triangles = torch.cat([first + torch.tensor([0, side, 1]), first + torch.tensor([1, side, side + 1])])
    none = torch.zeros(len(uv), 3, 0)
    return MorphableModel(torch.cat([uv, uv[:, :1]], 1), none, none, triangles, uv=uv)


def sparse_render(atlas: UVAtlas, layout: str):
    """The same map as one sparse (U V, N) matrix times (N, 3 B)."""
    texels = torch.arange(atlas.size**2).repeat_interleave(3)
    places = torch.stack([texels, atlas.corners.flatten().long()])
    matrix = torch.sparse_coo_tensor(places, atlas.barycentrics.flatten(), (atlas.size**2, atlas.n_vertices))
    matrix = matrix.coalesce() if layout == "COO" else matrix.coalesce().to_sparse_csr()

    def run(vertices):
        columns = vertices.permute(1, 0, 2).reshape(atlas.n_vertices, -1)  # (N, 3 B)
        maps = torch.sparse.mm(matrix, columns)  # (U V, 3 B)
        return maps.T.reshape(-1, 3, atlas.size, atlas.size)

    return run


CASES = pytest.mark.parametrize("batch", [1, 32])
MODELS = pytest.mark.parametrize("name", ["default face", "53 k vertices"])


def arguments(name, batch):
    """The atlas, vertices, and what renders them."""
    model = MorphableModel.default() if name == "default face" else grid_model(231)
    atlas = UVAtlas.from_model(model, 256)
    vertices = torch.randn(batch, atlas.n_vertices, 3)
    sparse = {f"sparse.mm {layout}": sparse_render(atlas, layout) for layout in ("COO", "CSR")}
    for render in sparse.values():
        torch.testing.assert_close(render(vertices), ops.render_position_map(vertices, atlas), rtol=1e-4, atol=1e-4)
    return atlas, vertices, {"pyface3d": lambda v: ops.render_position_map(v, atlas)} | sparse


@CASES
@MODELS
def bench_forward(bench, name, batch):
    atlas, vertices, renders = arguments(name, batch)
    bench.compare(
        f"render_position_map forward, {name}, B={batch}",
        {key: lambda render=render: render(vertices) for key, render in renders.items()},
        bytes_moved=4 * 3 * batch * (atlas.n_vertices + 256**2),
    )


@CASES
@MODELS
def bench_forward_and_backward(bench, name, batch):
    atlas, vertices, renders = arguments(name, batch)
    vertices.requires_grad_()
    grad = torch.randn(batch, 3, 256, 256)
    ratios = bench.compare(
        f"render_position_map forward and backward, {name}, B={batch}",
        {
            key: lambda render=render: torch.autograd.grad(render(vertices), vertices, grad)
            for key, render in renders.items()
        },
        bytes_moved=2 * 4 * 3 * batch * (atlas.n_vertices + 256**2),
    )
    assert min(ratios.values()) > 1  # the target is 5
