import pytest
import torch

from pyface3d import MorphableModel, UVAtlas, ops
from pyface3d.testing import assert_close


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default().truncated(3, 2)


def arguments(model, batch=2):
    generator = torch.Generator().manual_seed(1)
    coeffs = torch.randn(batch, model.n_coeffs, generator=generator, requires_grad=True)
    return coeffs, torch.randn(batch, 3, 4, generator=generator, requires_grad=True)


@pytest.mark.parametrize("size", [24, 160])  # fewer texels than vertices: folded into the basis; and more
def test_baked_is_the_model_through_the_atlas(model, size):
    atlas = UVAtlas.from_model(model, size)
    baked = atlas.bake(model)
    filled = int((atlas.triangle_ids >= 0).sum())
    assert len(baked.mean) == min(filled, len(torch.unique(atlas.corners[atlas.triangle_ids >= 0])))
    coeffs, pose = arguments(model)
    maps = ops.synthesize_position_map(baked, coeffs, pose)
    direct = ops.synthesize_position_map(model, coeffs, pose, atlas)
    assert_close(maps, direct, scale=100)  # coordinates of some tens
    assert_close(maps, atlas.render(model.synthesize(coeffs, pose)), scale=100)
    grads = [torch.autograd.grad(m.square().mean(), (coeffs, pose)) for m in (maps, direct)]
    for have, want in zip(*grads, strict=True):
        assert_close(have, want, scale=float(want.abs().max()))


def test_unposed(model):
    atlas = UVAtlas.from_model(model, 16)
    coeffs = torch.zeros(1, model.n_coeffs)
    assert_close(ops.synthesize_position_map(atlas.bake(model), coeffs), atlas.render(model.mean[None]), scale=100)


def test_bad_input_is_one_sentence(model):
    atlas = UVAtlas.from_model(model, 16)
    with pytest.raises(TypeError, match="a model needs its atlas"):
        ops.synthesize_position_map(model, torch.zeros(1, 5))
    with pytest.raises(RuntimeError, match=r"coeffs must be .* got \(1, 6\)"):
        ops.synthesize_position_map(atlas.bake(model), torch.zeros(1, 6))
    with pytest.raises(ValueError, match="model must have 9409 vertices, got 24591"):
        atlas.bake(MorphableModel.default("head"))
