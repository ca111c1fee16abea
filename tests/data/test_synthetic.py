import copy

import numpy as np
import pytest
import torch

from pyface3d.camera import flip_y, pose_to_angles
from pyface3d.data import Pool
from pyface3d.data.synthetic import SyntheticFaces, measure_space, parameter_space, prior_space, synth_2000
from pyface3d.data.synthetic.draws import Draws
from pyface3d.morphable import MorphableModel


@pytest.fixture(scope="module")
def faces() -> SyntheticFaces:
    return SyntheticFaces(seed=7)


@pytest.fixture(scope="module")
def batch(faces) -> dict[str, torch.Tensor]:
    return faces.render(range(48))


def test_a_sample_is_documented_dict(faces):
    sample = faces[3]
    shapes = {key: (tuple(v.shape), v.dtype) for key, v in sample.items() if isinstance(v, torch.Tensor)}
    told = {key: v for key, v in sample.items() if not isinstance(v, torch.Tensor)}
    about = {"landmark_set": "300w-lp", "face_model": faces.model.hash(), "set": faces.title}
    assert told == about | {"index": 3, "name": "portrait 3"}
    assert shapes == {
        "image": ((3, 120, 120), torch.uint8),
        "params": ((62,), torch.float32),
        "landmarks": ((68, 3), torch.float32),
        "visible": ((68,), torch.bool),
        "yaw": ((), torch.float32),
    }


def test_an_image_depends_on_neither_batch_nor_order(faces, batch):
    mixed = faces.render([30, 2, 47, 2])
    for key, value in mixed.items():
        assert torch.equal(value, batch[key][[30, 2, 47, 2]]), key


def test_workers_render_the_same(faces, batch):
    loader = torch.utils.data.DataLoader(faces, 4, sampler=range(8), num_workers=2, multiprocessing_context="fork")
    loaded = torch.cat([part["image"] for part in loader])
    assert torch.equal(loaded, batch["image"][:8])


def test_seeds_differ(faces):
    other = SyntheticFaces(faces.model, seed=8)
    assert not torch.equal(other[0]["image"], faces[0]["image"])


def test_labels_without_pictures_are_the_same(faces, batch):
    labels = faces.labels(range(48))
    for key, value in labels.items():
        assert torch.equal(value, batch[key]), key


def test_parameters_put_the_landmarks_into_the_picture(faces):
    labels = faces.labels(range(300))
    pose, coeffs = parameter_space().split(labels["params"])
    points = faces.model.landmarks68(coeffs, pose)
    points[..., 1] = faces.size - 1 - points[..., 1]
    error = (points - labels["landmarks"])[..., :2].norm(dim=2).mean(1)
    assert (error < 1e-2).float().mean() > 0.25  # cameras without perspective
    assert error.median() < 1.0  # weak perspective is near enough for the others
    assert error.max() < 6.0
    torch.testing.assert_close(points[..., 2], labels["landmarks"][..., 2], atol=1e-3, rtol=1e-4)


def test_poses_cover_profiles_and_yaw_has_the_sign_of_300wlp(faces):
    labels = faces.labels(range(2000))
    pose, _ = parameter_space().split(labels["params"])
    torch.testing.assert_close(pose_to_angles(pose)[:, 1].rad2deg(), labels["yaw"], atol=0.1, rtol=0)
    assert labels["yaw"].min() < -85 and labels["yaw"].max() > 85
    turned = labels["yaw"] > 40  # the subject looks to the left of the picture
    marks = labels["landmarks"]
    nose, ears = marks[:, 30, 0], marks[:, [0, 16], 0].mean(1)
    assert (nose < ears)[turned].float().mean() > 0.97


def test_crops_follow_the_landmark_box(faces):
    params = faces.labels(range(500))["params"]
    framing = faces.model.landmark_points(params[:, 12:], params[:, :12].unflatten(1, (3, 4)), "ict")
    points = flip_y(framing, faces.size)[..., :2]  # the vertices that the crops are cut around
    low, high = points.amin(1), points.amax(1)
    side = (high - low).amax(1)
    assert abs(float((side * 2**0.5).log().mean()) - np.log(faces.size)) < 0.01
    center = ((low + high) / 2).mean(0)
    torch.testing.assert_close(center, torch.full((2,), faces.size / 2), atol=0.5, rtol=0)


def test_visible_landmarks_are_on_the_near_side(faces, batch):
    left, right = batch["visible"][:, :8].float().mean(1), batch["visible"][:, 9:17].float().mean(1)
    looks_left = batch["yaw"] > 45
    assert looks_left.any()
    assert left[looks_left].mean() < right[looks_left].mean()  # image left is hidden when the face turns left


def test_pictures_show_the_labeled_face(faces):
    """The pictures follow the labels: moved crops of one face move with its landmarks."""
    still = SyntheticFaces(faces.model, seed=7, jitter=0.0)
    jittered = faces.render([5])
    base = still.render([5])
    shift = (jittered["landmarks"] - base["landmarks"])[0, :, :2].mean(0)
    gray = [picture["image"][0].float().mean(0) for picture in (jittered, base)]
    best, found = 1e9, None
    for dy in range(-12, 13):
        for dx in range(-12, 13):
            moved = torch.roll(gray[1], (dy, dx), (0, 1))[30:90, 30:90]
            cost = float((moved - gray[0][30:90, 30:90]).abs().mean())
            if cost < best:
                best, found = cost, (dx, dy)
    assert abs(found[0] - float(shift[0])) < 2.5 and abs(found[1] - float(shift[1])) < 2.5


def test_any_model_with_landmarks_can_be_rendered():
    small = MorphableModel.default("face").truncated(5, 3)
    batch = SyntheticFaces(small, size=64).render([0, 1])
    assert batch["image"].shape == (2, 3, 64, 64) and batch["params"].shape == (2, 20)
    assert batch["image"].float().std() > 5


def test_a_model_without_landmarks_is_refused():
    model = MorphableModel.default("face")
    bare = MorphableModel(model.mean, model.identity_basis, model.expression_basis, model.triangles)
    with pytest.raises(ValueError, match="68 landmarks"):
        SyntheticFaces(bare)


def test_empty_batch(faces):
    assert faces.render([])["image"].shape == (0, 3, 120, 120)


def test_draws_are_independent_of_the_batch():
    one, two = Draws(3, [9]), Draws(3, [1, 9])
    assert torch.equal(one.uniform(n=5)[0], two.uniform(n=5)[1])
    assert torch.equal(one.normal(n=5)[0], two.normal(n=5)[1])
    with pytest.raises(RuntimeError, match="512"):
        one.uniform(n=512)


def test_space_is_measured_on_the_labels(faces):
    stored, measured = parameter_space(), measure_space(SyntheticFaces(faces.model), 4000)
    torch.testing.assert_close(measured.std, stored.std, rtol=0.08, atol=0.01)
    assert ((measured.mean - stored.mean).abs() < 0.08 * stored.std).all()
    assert float(stored.std[11]) == 1.0 and stored.flip == "face3d"


def test_synth_2000_is_what_it_was():
    portraits = synth_2000()  # checks its hash
    assert len(portraits) == 2000
    batch = portraits.render([0, 1999])
    tiles = torch.nn.functional.avg_pool2d(batch["image"].float(), 60).mean(1).flatten(1)
    expected = torch.tensor(SYNTH_2000_TILES)
    torch.testing.assert_close(tiles, expected, atol=0.5, rtol=0)
    torch.testing.assert_close(batch["yaw"], torch.tensor(SYNTH_2000_YAW), atol=1e-2, rtol=0)


# mean gray of the four quarters of the first and the last portrait, and their yaw
SYNTH_2000_TILES = [[142.12, 164.05, 150.14, 158.28], [162.89, 160.76, 144.42, 149.14]]
SYNTH_2000_YAW = [19.112, -20.44]


def test_pool_keeps_what_was_rendered(tmp_path, faces, monkeypatch):
    monkeypatch.setattr("pyface3d.data.pool.CHUNK", 4)
    pool = Pool(tmp_path / "pool", faces, 8)
    pool.fill()
    again = Pool(tmp_path / "pool", faces, 8)
    rows = again.batch([6, 1])
    truth = faces.render([6, 1])
    assert rows.keys() == truth.keys() | {"index"} and rows["index"].tolist() == [6, 1]
    assert all(torch.equal(rows[key], truth[key]) for key in truth)
    longer = Pool(tmp_path / "pool", faces, 12)  # grows and keeps the first chunks
    assert longer._ready.tolist() == [1, 1, 0]
    monkeypatch.setattr(faces, "render", None)  # a filled pool renders nothing
    again.fill()


def test_pool_of_other_portraits_is_refused(tmp_path, faces):
    Pool(tmp_path, faces, 1)
    with pytest.raises(ValueError, match="other samples"):
        Pool(tmp_path, SyntheticFaces(faces.model, seed=8), 1)


def test_pool_says_when_nobody_renders(tmp_path, faces, monkeypatch):
    monkeypatch.setattr("pyface3d.data.pool.PATIENCE", 0.0)
    monkeypatch.setattr("pyface3d.data.pool.WAIT", 0.0)
    with pytest.raises(RuntimeError, match="nobody fills chunk 0"):
        Pool(tmp_path, faces, 1)[0]


def test_the_prior_of_another_model_of_the_same_sizes_is_its_own():
    model = MorphableModel.default()
    other = copy.deepcopy(model)
    other.mean.mul_(2)
    own, foreign = prior_space(model), prior_space(other, size=64, flip="3ddfa")
    torch.testing.assert_close(own.std, parameter_space().std)
    torch.testing.assert_close(foreign.std[12:], other.std)
    assert not torch.equal(own.std[12:], other.std)
    assert (foreign.n_params, foreign.size, foreign.flip) == (own.n_params, 64, "3ddfa")
