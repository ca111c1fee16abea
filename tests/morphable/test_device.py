import pytest
import torch

from pyface3d.morphable import MorphableModel

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default("head").cuda()


def test_moves_whole(model):
    assert all(buffer.is_cuda for buffer in model.buffers())
    assert model.hash() == MorphableModel.default("head").hash()
    assert model.part_triangles("teeth").is_cuda
    for other in (model.truncated(3, 2), model.subset(torch.arange(500))):
        assert all(buffer.is_cuda for buffer in other.buffers())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_sample_and_synthesize(model, device):
    coeffs = model.sample(4, torch.Generator(device).manual_seed(0))
    assert coeffs.is_cuda and model.sample(2).is_cuda
    vertices, still = model.synthesize(coeffs), MorphableModel.default("head")
    torch.testing.assert_close(vertices.cpu(), still.synthesize(coeffs.cpu()), rtol=1e-4, atol=1e-4)
    there, here = model.landmarks68(coeffs), still.landmarks68(coeffs.cpu())
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-4)


def test_blendshapes(model):
    weights = torch.rand(2, 53, device="cuda")
    coeffs = model.expression_from_blendshapes(weights)
    back = model.blendshapes_from_expression(coeffs)
    assert coeffs.is_cuda and back.is_cuda and 0 <= back.min() and back.max() <= 1


def test_devices_do_not_mix(model):
    with pytest.raises(RuntimeError, match="synthesize_shape"):
        model.synthesize(torch.zeros(1, model.n_coeffs))
