import torch

from pyface3d import ops


def test_one_joint_is_its_transform():
    generator = torch.Generator().manual_seed(0)
    vertices, pose = torch.randn(2, 50, 3, generator=generator), torch.randn(2, 1, 3, 4, generator=generator)
    out = ops.skin_vertices(vertices, torch.ones(1, 50), pose)
    torch.testing.assert_close(out, ops.project_weak_perspective(vertices, pose[:, 0]))


def test_joints_that_move_alike_move_all_vertices_so_whatever_the_weights():
    generator = torch.Generator().manual_seed(0)
    vertices, pose = torch.randn(2, 50, 3, generator=generator), torch.randn(2, 1, 3, 4, generator=generator)
    weights = torch.rand(6, 50, generator=generator).softmax(0)
    out = ops.skin_vertices(vertices, weights, pose.expand(2, 6, 3, 4))
    torch.testing.assert_close(out, ops.project_weak_perspective(vertices, pose[:, 0]), atol=1e-5, rtol=1e-5)


def test_nan_stays_at_its_vertex():
    vertices = torch.zeros(2, 9, 3)
    vertices[0, 3, 1] = torch.nan
    out = ops.skin_vertices(vertices, torch.full((2, 9), 0.5), torch.eye(3, 4).expand(2, 2, 3, 4))
    assert out.isnan().any(2).nonzero().tolist() == [[0, 3]]
