import pytest
import torch
from torch.nn.functional import grid_sample

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.sample_position_map.default


def arguments(points=7, shape=(5, 4), batch=2):
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(batch, 3, *shape, generator=generator, requires_grad=True)
    return maps, torch.rand(points, 2, generator=generator, requires_grad=True)


@pytest.mark.parametrize("shape", [(5, 4), (2, 7), (1, 6), (3, 1)])
def test_contract(shape):
    args = arguments(shape=shape)
    check_op(ops.sample_position_map, reference.sample_position_map, args, opcheck=(op, args), scale=10)


def test_more_points_than_a_chunk():
    args = arguments(points=1001, shape=(16, 16), batch=3)
    # many points scatter into one texel, and one point sums over the batch
    check_op(ops.sample_position_map, reference.sample_position_map, args, gradcheck=False, compile=False, scale=100)


def test_is_grid_sample_with_aligned_corners_and_border():
    maps, uv = arguments(points=300, shape=(9, 12))
    with torch.no_grad():
        uv = uv * 1.4 - 0.2
        grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1).expand(2, 1, 300, 2)
        expected = grid_sample(maps, grid, "bilinear", "border", align_corners=True)[:, :, 0].transpose(1, 2)
        torch.testing.assert_close(ops.sample_position_map(maps, uv), expected, rtol=1e-5, atol=2e-6)


def test_texel_centers_are_exact():
    maps = arguments(shape=(5, 4))[0].detach()
    row, column = torch.meshgrid(torch.arange(5), torch.arange(4), indexing="ij")
    uv = torch.stack([column / 3, 1 - row / 4], -1).reshape(-1, 2)
    torch.testing.assert_close(ops.sample_position_map(maps, uv), maps.flatten(2).transpose(1, 2))


def test_outside_the_map_there_is_no_gradient_to_uv():
    maps, _ = arguments()
    uv = torch.tensor([[-0.5, 0.5], [0.5, 1.5]], requires_grad=True)
    grad = torch.autograd.grad(ops.sample_position_map(maps, uv).sum(), uv)[0]
    assert grad[0, 0] == 0 and grad[1, 1] == 0 and grad[0, 1] != 0 and grad[1, 0] != 0


def test_nan_and_infinite_coordinates():
    maps = arguments()[0].detach()
    uv = torch.tensor([[float("nan"), 0.5], [float("inf"), 0.5], [0.5, -float("inf")]])
    out = ops.sample_position_map(maps, uv)
    assert out[:, 0].isnan().all()
    torch.testing.assert_close(out[:, 1:], ops.sample_position_map(maps, torch.tensor([[1.0, 0.5], [0.5, 0.0]])))


@pytest.mark.parametrize("batch, points", [(0, 7), (2, 0)])
def test_empty(batch, points):
    maps, uv = arguments(points=points, batch=batch)
    out = ops.sample_position_map(maps, uv)
    assert out.shape == (batch, points, 3)
    grads = torch.autograd.grad(out.sum(), (maps, uv))
    assert grads[0].shape == maps.shape and grads[1].eq(0).all()


@pytest.mark.parametrize(
    "maps, uv, message",
    [
        (torch.rand(2, 4, 5, 5), torch.rand(3, 2), r"maps must be \(B, 3, U, V\)"),
        (torch.rand(2, 3, 0, 5), torch.rand(3, 2), "at least one texel"),
        (torch.rand(2, 3, 5, 5), torch.rand(3, 3), r"uv must be \(N, 2\) = \(\*, 2\), got \(3, 3\)"),
        (torch.rand(2, 3, 5, 5), torch.rand(3, 2).double(), "uv must have the dtype of maps"),
        (torch.rand(2, 3, 5, 5).half(), torch.rand(3, 2).half(), "maps must be float32 or float64"),
    ],
)
def test_bad_input_is_one_sentence(maps, uv, message):
    with pytest.raises(RuntimeError, match=message), torch.inference_mode():
        ops.sample_position_map(maps, uv)
