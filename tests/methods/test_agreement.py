"""Landmarks of one answer, identity of another."""

import pytest
import torch

from pyface3d.camera import flip_y
from pyface3d.data.synthetic import SyntheticFaces, parameter_space
from pyface3d.losses import IdentityDistance
from pyface3d.methods.agreement import Agreement
from pyface3d.morphable import MorphableModel

MODEL, SPACE = MorphableModel.default(), parameter_space()
IDENTITY = SPACE.slices["identity"]


@pytest.fixture(scope="module")
def answers():
    first = SPACE.whiten(SyntheticFaces(seed=9).labels(range(16))["params"])
    return first, torch.randn(16, 40, generator=torch.Generator().manual_seed(0))


def marks(whitened):
    pose, coeffs = SPACE.split(SPACE.unwhiten(whitened))
    return flip_y(MODEL.landmarks68(coeffs, pose), 120)[..., :2]


def off(whitened, first):
    return (marks(whitened) - marks(first)).norm(dim=2).mean().item()


def apart(identity, other):
    scale = SPACE.std[IDENTITY]
    return IdentityDistance(MODEL)(identity * scale, other * scale).mean().item()


def test_says_the_first_answer_where_both_agree(answers):
    first, _ = answers
    found = Agreement(MODEL, SPACE)(first, first[:, IDENTITY])
    torch.testing.assert_close(found, first, atol=1e-5, rtol=0)


def test_takes_the_identity_where_landmarks_count_nothing(answers):
    first, identity = answers
    found = Agreement(MODEL, SPACE, 0.0)(first, identity)
    assert apart(found[:, IDENTITY], identity) < 0.2 * apart(first[:, IDENTITY], identity)
    bare = first.clone()
    bare[:, IDENTITY] = identity
    assert off(found, first) < 0.6 * off(bare, first)  # the pose follows


def test_more_weight_keeps_landmarks_better_and_identity_less(answers):
    first, identity = answers
    moved, left = [], []
    for weight in (0.0, 0.03, 0.3, 3.0):
        found = Agreement(MODEL, SPACE, weight)(first, identity)
        moved.append(off(found, first))
        left.append(apart(found[:, IDENTITY], identity))
    assert moved == sorted(moved, reverse=True) and left == sorted(left)
    assert moved[-1] < 0.2 and left[0] < 0.2 * apart(first[:, IDENTITY], identity) and left[-1] > 1.0


def test_is_the_least_squares_solution(answers):
    """Against a solver of the same problem in float64, pose unknown and the first answer the place it is linear at."""
    first, identity = answers
    weight = 0.3
    agree = Agreement(MODEL, SPACE, weight)
    found = agree(first, identity)
    pull, hold = (torch.linalg.cholesky(part + 1e-12 * torch.eye(50)) for part in agree._certainties(MODEL, SPACE.std))
    frame = torch.cat([MODEL.landmark_basis().mean, torch.ones(68, 1)], 1).double()
    basis = MODEL.landmark_basis().basis.double() * SPACE.std[12:].double()
    pose = SPACE.split(SPACE.unwhiten(first))[0].double()
    for b in range(16):
        rows = [
            torch.cat([weight**0.5 * (basis.transpose(1, 2) @ pose[b, i, :3]), torch.zeros(68, 8)], 1) for i in range(2)
        ]
        for i in range(2):
            rows[i][:, 50 + 4 * i : 54 + 4 * i] = weight**0.5 * frame
        prior = torch.cat([torch.cat([pull.T, hold.T]), torch.zeros(100, 8)], 1)
        wanted = torch.cat([identity[b] - first[b, IDENTITY], torch.zeros(10)]).double()
        target = torch.cat([torch.zeros(136), pull.T @ wanted, torch.zeros(50)])
        solution = torch.linalg.lstsq(torch.cat([*rows, prior]), target).solution
        torch.testing.assert_close((found - first)[b, 12:].double(), solution[:50], atol=2e-3, rtol=0)
        moved = torch.cat([solution[50:54], solution[54:58]]) / SPACE.std[:8].double()
        torch.testing.assert_close((found - first)[b, :8].double(), moved, atol=2e-3, rtol=0)


def test_has_a_gradient(answers):
    first, identity = (tensor[:2].clone().requires_grad_() for tensor in answers)
    Agreement(MODEL, SPACE)(first, identity).square().sum().backward()
    assert all(tensor.grad.isfinite().all() and tensor.grad.any() for tensor in (first, identity))


def test_products_alone_solve_it_too(answers, monkeypatch):
    first, identity = answers
    agree = Agreement(MODEL, SPACE)
    expected = agree(first, identity)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(agree(first, identity), expected, atol=1e-4, rtol=0)
