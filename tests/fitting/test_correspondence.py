import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, load_model
from pyface3d.fitting import place_on_surface, read_correspondence, register_models, save_correspondence
from pyface3d.morphable import read_landmark_map


def coarse(model, cell):
    """Ids of one vertex in each cell of a grid, and the triangles (F, 3) of these that are left."""
    cells = (model.mean / cell).floor().long()
    _, place = cells.unique(dim=0, return_inverse=True)
    ids = torch.full((int(place.max()) + 1,), model.n_vertices)
    ids = ids.scatter_reduce(0, place, torch.arange(model.n_vertices), "amin")
    corners = place[model.triangles]
    whole = (corners != corners.roll(1, 1)).all(1)
    return ids, corners[whole].unique(dim=0)


@pytest.fixture(scope="module")
def pair(model):
    """The embedded face, and a coarser one in millimeters whose mean is another of its people, its directions mixed."""
    ids, triangles = coarse(model, 0.45)
    stream = torch.Generator().manual_seed(0)
    mix = torch.linalg.qr(torch.randn(model.n_identity, model.n_identity, generator=stream))[0]
    person = model.sample(1, torch.Generator().manual_seed(4))
    person[:, model.n_identity :] = 0
    mean = model.synthesize(person)[0]
    other = MorphableModel(
        10 * mean[ids] + torch.tensor([5.0, -3, 8]),
        10 * model.identity_basis[ids] @ mix,
        10 * model.expression_basis[ids],
        triangles, expression_std=model.expression_std, unit="mm", name="other",
    )  # fmt: skip
    marks = 10 * model.landmark_sets["300w-lp"].of(mean) + torch.tensor([5.0, -3, 8])
    other = other.with_landmarks({"300w-lp": place_on_surface(other, marks)})
    return other, ids, register_models(model, other)


def test_vertices_find_where_they_came_from(model, pair):
    other, ids, (there, back) = pair
    here = there.points.mask
    assert here.double().mean() > 0.85
    off = 10 * (there.points.of(model.mean) - model.mean[ids])[here].norm(dim=1)  # millimeters
    inner = (model.mean[ids][here] - model.mean[model.landmarks[30]]).norm(dim=1) < 6  # centimeters from the nose
    assert off[inner].mean() < 1.0 and off.mean() < 3.0  # ears and neck have no landmarks that hold them in place
    assert back.points.mask.double().mean() > 0.8
    assert there.target == other.hash() == back.source and there.source == model.hash() == back.target


def test_faces_become_faces_of_the_other_model(model, pair):
    other, ids, (there, back) = pair
    coeffs = model.sample(8, torch.Generator().manual_seed(1))
    translated = there.translate(coeffs)
    here = there.points.mask
    goal = there.points.of(model.synthesize(coeffs).transpose(0, 1)).transpose(0, 1)[:, here]
    goal = goal @ there.motion[:, :3].float().T + there.motion[:, 3].float()
    off = (other.synthesize(translated)[:, here] - goal).norm(dim=2)  # millimeters
    assert (off.mean(1) < 2.0).all()
    torch.testing.assert_close(off.square().mean(1).sqrt(), there.surface_error(coeffs).float(), atol=1e-3, rtol=1e-3)
    changed = coeffs.clone()
    changed[:, model.n_identity :] = 0
    assert there.translate(changed)[:, other.n_identity :].abs().max() < 1e-6  # a face at rest stays at rest
    assert (back.translate(translated) - coeffs)[:, :5].abs().mean() < 0.3  # standard deviations, there and back


def test_poses_show_the_translated_face_where_it_was(model, pair):
    other, ids, (there, _) = pair
    coeffs = model.sample(4, torch.Generator().manual_seed(2))
    pose = 4 * torch.randn(4, 3, 4, generator=torch.Generator().manual_seed(3))
    params = there.translate_params(torch.cat([pose.flatten(1), coeffs], 1))
    here = there.points.mask
    shown = other.synthesize(params[:, 12:], params[:, :12].unflatten(1, (3, 4)))[:, here]
    wanted = there.points.of(model.synthesize(coeffs, pose).transpose(0, 1)).transpose(0, 1)[:, here]
    limit = 0.16 * torch.linalg.matrix_norm(pose[..., :3], 2)  # 1.6 mm in centimeters, at the pose's magnification
    assert ((shown - wanted).norm(dim=2).mean(1) < limit).all()


def test_files_hold_both_ways_and_nothing_else_is_read(pair, tmp_path):
    _, _, (there, back) = pair
    save_correspondence(tmp_path / "pair.npz", there, back)
    for found, kept in zip(read_correspondence(tmp_path / "pair.npz"), (there, back), strict=True):
        for name in ("distance", "motion", "matrix", "offset", "gram"):
            assert torch.equal(getattr(found, name), getattr(kept, name))
        assert found.points.hash() == kept.points.hash() and (found.source, found.target) == (kept.source, kept.target)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="it lacks there.source"):
        read_correspondence(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"coefficients must be \(B, 50\)"):
        there.translate_params(torch.zeros(2, 7))


def test_models_without_common_landmarks_or_triangles_are_refused(model):
    with pytest.raises(ValueError, match="at least four landmarks"):
        register_models(model, model, "ibug68", model.landmark_sets["300w-lp"].renumbered(torch.full((9409,), -1)))
    with pytest.raises(ValueError, match="same landmarks"):
        register_models(model, model, "ibug68", "five")
    bare = MorphableModel(
        model.mean, model.identity_basis, model.expression_basis, model.triangles[:0], landmarks=model.landmarks
    )
    with pytest.raises(ValueError, match="no triangles"):
        register_models(bare, model)


def test_surreys_face(model, data_folder):
    folder = data_folder / "eos"
    if not folder.is_dir():
        pytest.skip("no Surrey face at hand")
    surrey = load_model(folder / "sfm_shape_3448.bin", folder / "expression_blendshapes_3448.bin")
    there, back = register_models(model, surrey, "ibug68", read_landmark_map(folder / "ibug_to_sfm.txt", surrey))
    assert there.points.mask.double().mean() > 0.8
    coeffs = model.sample(8, torch.Generator().manual_seed(1))
    coeffs[:, model.n_identity :] = 0
    assert there.surface_error(coeffs).mean() < 2.0  # millimeters; six expressions cannot follow ten
    faces = torch.zeros(8, surrey.n_coeffs)
    faces[:, : surrey.n_identity] = surrey.sample(8, torch.Generator().manual_seed(1))[:, : surrey.n_identity]
    assert back.surface_error(faces).mean() < 3.0


def test_basels_mean(model, data_folder):
    path = data_folder / "tddfa" / "mean_and_topology.npz"
    if not path.is_file():
        pytest.skip("no Basel mean at hand")
    arrays = np.load(path)
    ids = arrays["noneck_vertices"]
    mean = (arrays["u_shp"] + arrays["u_exp"])[ids]
    none = np.zeros((len(ids), 3, 0), np.float32)
    basel = MorphableModel(
        mean, none, none, arrays["noneck_triangles"][:, ::-1].copy(), landmarks=arrays["noneck_keypoints"], unit="um"
    )
    there, _ = register_models(model, basel)
    here = there.points.mask
    assert here.double().mean() > 0.75
