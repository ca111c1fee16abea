import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.project_weak_perspective.default


def arguments(rows=3, batch=2, vertices=7):
    generator = torch.Generator().manual_seed(1)
    v = torch.rand(batch, vertices, 3, generator=generator, requires_grad=True)
    return v, torch.rand(batch, rows, 4, generator=generator, requires_grad=True)


@pytest.mark.parametrize("rows", [3, 2])
def test_contract(rows):
    args = arguments(rows)
    check_op(ops.project_weak_perspective, reference.project_weak_perspective, args, opcheck=(op, args))


def test_more_vertices_than_a_chunk():
    args = arguments(3, 2, 9001)
    functions = ops.project_weak_perspective, reference.project_weak_perspective
    check_op(*functions, args, gradcheck=False, compile=False, scale=1e3)


def test_expanded_pose():
    v, pose = arguments()
    one = pose[:1].expand(2, 3, 4)
    torch.testing.assert_close(ops.project_weak_perspective(v, one), reference.project_weak_perspective(v, one))


def test_only_wanted_gradients():
    v, pose = arguments()
    out = ops.project_weak_perspective(v.detach(), pose)
    assert torch.autograd.grad(out.sum(), pose)[0].shape == pose.shape


@pytest.mark.parametrize("batch, vertices", [(0, 7), (2, 0)])
def test_empty(batch, vertices):
    v, pose = arguments(3, batch, vertices)
    out = ops.project_weak_perspective(v, pose)
    assert out.shape == (batch, vertices, 3)
    grads = torch.autograd.grad(out.sum(), (v, pose))
    assert grads[0].shape == v.shape and grads[1].eq(0).all()


def test_nan_stays_in_its_face():
    v, pose = arguments()
    with torch.no_grad():
        v[0, 0, 0] = float("nan")
    out = ops.project_weak_perspective(v, pose)
    assert out[0, 0].isnan().all() and not out[1].isnan().any()


@pytest.mark.parametrize(
    "vertices, pose, message",
    [
        (torch.rand(2, 5, 2), torch.rand(2, 3, 4), r"vertices must be \(B, N, 3\) = \(\*, \*, 3\), got \(2, 5, 2\)"),
        (torch.rand(2, 5, 3), torch.rand(3, 3, 4), r"pose must be .* with B = 2, got \(3, 3, 4\)"),
        (torch.rand(2, 5, 3).half(), torch.rand(2, 3, 4), "vertices must be float32 or float64"),
        (torch.rand(2, 5, 3), torch.rand(2, 3, 4).double(), "pose must have the dtype of vertices"),
    ],
)
def test_bad_input_is_one_sentence(vertices, pose, message):
    with pytest.raises(RuntimeError, match=message), torch.inference_mode():
        ops.project_weak_perspective(vertices, pose)
