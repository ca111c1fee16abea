import pytest
import torch

from pyface3d import ops


def arguments(batch=2, vertices=5, count=3, posed=True, indices=None, grads=(False, False, True, True)):
    generator = torch.Generator().manual_seed(2)

    def tensor(*shape, grad):
        return torch.randn(*shape, generator=generator).requires_grad_(grad)

    mean, basis = tensor(vertices, 3, grad=grads[0]), tensor(vertices, 3, count, grad=grads[1])
    coeffs = tensor(batch, count, grad=grads[2])
    pose = tensor(batch, 3, 4, grad=grads[3]) if posed else None
    return mean, basis, coeffs, pose, indices


# coefficients around the vectors of each instruction set, and vertices around its tiles
@pytest.mark.parametrize("count", [3, 4, 7, 8, 16, 17, 31, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_face_alone_is_the_same_as_among_others(count, dtype):
    for vertices in (1, 15, 16, 17, 67):
        for posed in (False, True):
            for indices in (None, torch.arange(vertices).flip(0).repeat(2)):
                mean, basis, coeffs, pose, _ = arguments(3, vertices, count, posed)
                mean, basis, coeffs = mean.to(dtype), basis.to(dtype), coeffs.to(dtype)
                pose = None if pose is None else pose.to(dtype)
                together = ops.synthesize_shape(mean, basis, coeffs, pose, indices)
                for b in range(3):
                    own = None if pose is None else pose[b : b + 1]
                    alone = ops.synthesize_shape(mean, basis, coeffs[b : b + 1], own, indices)
                    torch.testing.assert_close(alone[0], together[b], rtol=1e-5, atol=1e-5)


def test_a_basis_that_is_not_finite_spoils_its_own_vertex_alone():
    mean, basis, coeffs, _, _ = arguments(1, 40, 50, posed=False)
    basis[7, 1, 49], basis[8, 2, 3] = float("inf"), float("nan")
    out = ops.synthesize_shape(mean, basis, coeffs)[0]
    assert out[7, 1].isinf() and out[8, 2].isnan() and out.isfinite().sum() == out.numel() - 2


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
