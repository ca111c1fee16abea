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


# sizes around the tiles, blocks, chunks and face groups of the kernel


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
