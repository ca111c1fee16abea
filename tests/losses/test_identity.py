import pytest
import torch

from pyface3d.losses import IdentityDistance, PointLoss
from pyface3d.methods.similarity import fit_similarity


def test_distance_is_that_after_the_best_similarity(default):
    """Small identities: the first-order projection and an exact fit agree."""
    model, _ = default
    identity = 0.05 * torch.randn(4, model.n_identity, generator=torch.Generator().manual_seed(1))
    coeffs = torch.cat([identity, torch.zeros(4, model.n_expression)], 1)
    spread = torch.linspace(0, model.n_vertices - 1, 1024).long()
    shapes, mean = model.synthesize(coeffs, indices=spread), model.mean[spread]
    fitted = fit_similarity(mean, shapes)
    moved = mean @ fitted[:, :, :3].mT + fitted[:, None, :, 3]
    exact = 10 * (shapes - moved).square().sum(2).mean(1).sqrt()  # mm
    found = IdentityDistance(model)(identity, torch.zeros_like(identity))
    torch.testing.assert_close((found**2 - 0.01).sqrt(), exact, rtol=0.01, atol=0)


def test_motions_of_the_mean_face_cost_nothing():
    """A basis whose only column makes the face grow has no identity."""
    from pyface3d import MorphableModel

    mean = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    growth = (mean - mean.mean(0))[..., None]
    model = MorphableModel(mean, growth, torch.zeros(50, 3, 0), torch.tensor([[0, 1, 2]]), unit="mm")
    assert IdentityDistance(model)(torch.ones(1, 1), torch.zeros(1, 1)) == pytest.approx(0.1, abs=1e-3)


def test_guessed_identities_do_not_teach(default, faces):
    model, space = default
    pred, target = faces(space, batch=2)
    loss = PointLoss(model, space, identity=1.0)
    whole = loss(pred, {"params": target})[0]
    batch = {"params": target, "identity_weight": torch.tensor([0.0, 2.0])}
    one = loss(pred, batch)[0]
    alone = loss(pred[1:], {"params": target[1:]})[0]
    torch.testing.assert_close(one, alone)
    assert not torch.isclose(whole, one)
