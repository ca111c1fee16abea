import pytest
import torch

from pyface3d import ops
from pyface3d.ops import reference
from pyface3d.testing import check_op

op = torch.ops.pyface3d.synthesize_shape.default


def arguments(batch=2, vertices=5, count=3, posed=True, indices=None, grads=(False, False, True, True)):
    generator = torch.Generator().manual_seed(2)

    def tensor(*shape, grad):
        return torch.randn(*shape, generator=generator).requires_grad_(grad)

    mean, basis = tensor(vertices, 3, grad=grads[0]), tensor(vertices, 3, count, grad=grads[1])
    coeffs = tensor(batch, count, grad=grads[2])
    pose = tensor(batch, 3, 4, grad=grads[3]) if posed else None
    return mean, basis, coeffs, pose, indices


@pytest.mark.parametrize("posed", [True, False])
@pytest.mark.parametrize("indices", [None, torch.tensor([4, 0, 4])])
def test_contract(posed, indices):
    args = arguments(posed=posed, indices=indices)
    check_op(ops.synthesize_shape, reference.synthesize_shape, args, opcheck=(op, args))


@pytest.mark.parametrize("indices", [None, torch.tensor([1, 0, 1])])
def test_gradients_of_the_model(indices):
    args = arguments(vertices=2, count=2, indices=indices, grads=(True, True, True, True))
    check_op(ops.synthesize_shape, reference.synthesize_shape, args)


# sizes around the tiles, blocks, chunks and face groups of the kernel
SIZES = [(1, 16, 1), (4, 17, 16), (5, 64, 17), (7, 130, 50), (131, 65, 33), (3, 3700, 5)]


@pytest.mark.parametrize("batch, vertices, count", SIZES)
def test_every_remainder(batch, vertices, count):
    args = arguments(batch, vertices, count)
    functions = ops.synthesize_shape, reference.synthesize_shape
    check_op(*functions, args, gradcheck=False, compile=False, scale=vertices * 10)


@pytest.mark.parametrize("batch, vertices, count", [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_empty(batch, vertices, count):
    args = arguments(batch, vertices, count)
    out = ops.synthesize_shape(*args)
    torch.testing.assert_close(out, reference.synthesize_shape(*args))
    grads = torch.autograd.grad(out.sum(), args[2:4])
    expected = torch.autograd.grad(reference.synthesize_shape(*args).sum(), args[2:4])
    torch.testing.assert_close(grads, expected)


def test_expanded_coefficients():
    mean, basis, coeffs, pose, _ = arguments()
    one = coeffs[:1].expand(2, -1)
    args = mean, basis, one, pose
    torch.testing.assert_close(ops.synthesize_shape(*args), reference.synthesize_shape(*args))


def test_no_indices_selected():
    mean, basis, coeffs, pose, _ = arguments()
    assert ops.synthesize_shape(mean, basis, coeffs, pose, torch.empty(0, dtype=torch.long)).shape == (2, 0, 3)


def test_nan_coefficients_stay_in_their_face():
    mean, basis, coeffs, pose, _ = arguments()
    with torch.no_grad():
        coeffs[0] = float("nan")
    out = ops.synthesize_shape(mean, basis, coeffs, pose)
    assert out[0].isnan().all() and not out[1].isnan().any()


def test_more_elements_than_32_bits():
    batch, vertices = 1 << 17, 5500  # 2.16e9 elements would need 8.6 GB: checked on the fake, whose strides are int64
    with torch._subclasses.FakeTensorMode():
        mean, basis = torch.empty(vertices, 3), torch.empty(vertices, 3, 2)
        out = ops.synthesize_shape(mean, basis, torch.empty(batch, 2))
    assert out.numel() == batch * vertices * 3 > 2**31


@pytest.mark.parametrize(
    "change, message",
    [
        ({0: torch.rand(5, 2)}, r"mean must be \(N, 3\) = \(\*, 3\), got \(5, 2\)"),
        ({1: torch.rand(4, 3, 3)}, r"basis must be \(N, 3, K\) = \(5, 3, \*\), got \(4, 3, 3\)"),
        ({2: torch.rand(2, 199)}, r"synthesize_shape: coeffs must be \(B, K\) = \(\*, 3\), got \(2, 199\)"),
        ({2: torch.rand(2, 3).double()}, "coeffs must have the dtype of mean"),
        ({3: torch.rand(3, 3, 4)}, r"pose must be \(B, 3, 4\) = \(2, 3, 4\), got \(3, 3, 4\)"),
        ({4: torch.tensor([1], dtype=torch.int32)}, "indices must be int64"),
        ({4: torch.tensor([0, 5])}, r"indices must lie in \[0, 5\), got 5 at position 1"),
        ({4: torch.tensor([-1])}, r"indices must lie in \[0, 5\), got -1"),
        ({0: torch.rand(5, 3).bfloat16()}, "mean must be float32 or float64"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    args = list(arguments())
    for position, value in change.items():
        args[position] = value
    with pytest.raises(RuntimeError, match=message), torch.inference_mode():
        ops.synthesize_shape(*args)


def test_device_mix_is_refused():
    args = list(arguments())
    args[2] = args[2].to("meta")
    with pytest.raises(RuntimeError, match="tensors must be on one device, got cpu, meta"):
        ops.synthesize_shape(*args)
