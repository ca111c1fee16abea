import pytest
import torch

from pyface3d import fit_landmarks, ops
from pyface3d.camera import angles_to_rotation
from pyface3d.fitting.sharing import solve_shared
from pyface3d.morphable import find_landmarks

SIZE = 200


def views(model, people, yaws, convention="300w-lp", noise=0.01, hidden=True):
    """Photos of people, each seen at all yaws with another expression: true coefficients and noisy points.

    Points on skin that faces away from the camera are as good as all others, or NaN without ``hidden``.
    """
    generator = torch.Generator().manual_seed(0)
    count = people * len(yaws)
    identity = torch.randn(people, 40, generator=generator).repeat_interleave(len(yaws), 0) * model.identity_std
    expression = model.blendshapes.to_coeffs(model.blendshapes.sample(count, generator))
    coeffs = torch.cat([identity, expression], 1)
    angles = 0.05 * torch.randn(count, 3, generator=generator)
    angles[:, 1] = torch.deg2rad(torch.tensor(yaws)).repeat(people)
    pose = torch.cat([10 * angles_to_rotation(angles), torch.full((count, 3, 1), 100.0)], 2)
    points = model.landmark_points(coeffs, pose, convention)[..., :2]
    extent = (points.amax(1) - points.amin(1)).prod(1).sqrt()
    points = points + noise * extent[:, None, None] * torch.randn(points.shape, generator=generator)
    seen = torch.stack([points[..., 0], SIZE - 1 - points[..., 1]], 2)
    if not hidden:
        normals = ops.vertex_normals(model.synthesize(coeffs), model.triangles)
        placed = find_landmarks(model, convention)
        toward = torch.stack([placed.of(own) @ view for own, view in zip(normals, pose[:, 2, :3])])
        seen[toward <= 0] = torch.nan
    return coeffs, seen, torch.arange(people).repeat_interleave(len(yaws))


def surface_error(model, found, true):
    """(B,) mean distance of faces at rest in mm, after the similarity that carries one onto the other."""
    rest = torch.zeros(len(found), model.n_expression)
    one, other = (model.synthesize(torch.cat([coeffs[:, :40], rest], 1))[:, ::7].double() for coeffs in (found, true))
    one, other = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
    left, values, right = torch.linalg.svd(one.mT @ other)
    scale = values.sum(1) / one.square().sum((1, 2))
    return 10 * (scale[:, None, None] * one @ (left @ right) - other).norm(dim=2).mean(1)


def test_the_shared_solution_is_that_of_all_equations_at_once():
    generator = torch.Generator().manual_seed(1)
    count, i, e = 5, 4, 3
    people = torch.tensor([0, 1, 0, 0, 1])
    roots = torch.randn(count, 9, i + e, generator=generator, dtype=torch.float64)
    goals = torch.randn(count, 9, generator=generator, dtype=torch.float64)
    variance = 0.1 + torch.rand(count, generator=generator, dtype=torch.float64)
    normal, right = roots.mT @ roots, (roots.mT @ goals[..., None])[..., 0]
    found = solve_shared(normal, right, variance, people, i)
    whole = torch.zeros(count * 9 + 2 * i + count * e, 2 * i + count * e, dtype=torch.float64)
    wanted = torch.zeros(len(whole), dtype=torch.float64)
    for b, person in enumerate(people.tolist()):
        rows = slice(9 * b, 9 * b + 9)
        whole[rows, person * i : (person + 1) * i] = roots[b, :, :i] / variance[b].sqrt()
        whole[rows, 2 * i + e * b : 2 * i + e * (b + 1)] = roots[b, :, i:] / variance[b].sqrt()
        wanted[rows] = goals[b] / variance[b].sqrt()
    whole[count * 9 :] = torch.eye(whole.shape[1])
    solution = torch.linalg.lstsq(whole, wanted[:, None]).solution[:, 0]
    for b, person in enumerate(people.tolist()):
        torch.testing.assert_close(found[b, :i], solution[person * i : (person + 1) * i])
        torch.testing.assert_close(found[b, i:], solution[2 * i + e * b : 2 * i + e * (b + 1)])


def test_people_with_one_photo_are_fitted_as_without_people(model):
    _, points, _ = views(model, 4, [20.0])
    alone = fit_landmarks(points, model, size=SIZE)
    shared = fit_landmarks(points, model, size=SIZE, people=torch.tensor([7, 3, 4, 1]))
    torch.testing.assert_close(shared.coeffs, alone.coeffs, atol=2e-2, rtol=1e-2)
    torch.testing.assert_close(shared.error, alone.error, atol=1e-2, rtol=1e-2)


def test_two_photos_tell_more_of_a_person_than_either(model):
    true, points, people = views(model, 40, [0.0, 75.0], "mediapipe478")
    common = {"landmarks": "mediapipe478", "size": SIZE}
    alone = surface_error(model, fit_landmarks(points, model, **common).coeffs, true).view(-1, 2).mean(0)
    fit = fit_landmarks(points, model, people=people, **common)
    both = surface_error(model, fit.coeffs, true).mean()
    assert both < 0.78 * alone[1] and both < 0.55 * alone[0] and both < 0.85  # mm
    assert torch.equal(fit.coeffs[0::2, :40], fit.coeffs[1::2, :40])
    assert not torch.allclose(fit.coeffs[0::2, 40:], fit.coeffs[1::2, 40:])


@pytest.mark.parametrize(
    ("noise", "yaws"),
    [
        (0.005, (0.0, 45.0)),
        (0.005, (0.0, 75.0)),
        (0.005, (0.0, 90.0)),
        (0.005, (-45.0, 45.0)),
        (0.005, (30.0, -60.0)),
        (0.01, (0.0, 75.0)),
    ],
)
def test_what_two_photos_show_is_worth_a_quarter_of_the_better_ones_error(model, noise, yaws):
    true, points, people = views(model, 40, yaws, "mediapipe478", noise, hidden=False)
    common = {"landmarks": "mediapipe478", "size": SIZE, "noise": noise}
    alone = surface_error(model, fit_landmarks(points, model, **common).coeffs, true).view(-1, 2).mean(0)
    both = surface_error(model, fit_landmarks(points, model, people=people, **common).coeffs, true).mean()
    assert both < 0.75 * alone.min()


def test_a_photo_without_points_tells_nothing_of_the_others(model):
    _, points, people = views(model, 2, [0.0, 40.0])
    spoiled = points.clone()
    spoiled[1] = torch.nan
    fit = fit_landmarks(spoiled, model, size=SIZE, people=people)
    assert fit.coeffs[1].isnan().all()
    alone = fit_landmarks(points[:1], model, size=SIZE)
    torch.testing.assert_close(fit.coeffs[:1], alone.coeffs, atol=2e-2, rtol=1e-2)


def test_people_are_whole_numbers_one_for_each_face(model):
    points = torch.rand(2, 68, 2)
    for people in (torch.tensor([0]), torch.tensor([0.0, 1.0])):
        with pytest.raises(ValueError, match="people"):
            fit_landmarks(points, model, people=people)
