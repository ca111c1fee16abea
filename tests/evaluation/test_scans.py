"""Scan protocols on scans made from the default model."""

import json

import numpy as np
import pytest
import torch
import trimesh

from pyface3d.camera import flip_y
from pyface3d.evaluation import FlorenceError, MiccError, NowError, create_protocol, evaluate
from pyface3d.evaluation.scan_error import now_region
from pyface3d.evaluation.scans import NAMED_POINTS, Scan, draw_view, load_scans, named_points


@pytest.fixture(scope="module")
def model(face_model):
    return face_model


@pytest.fixture(scope="module")
def coeffs(model):
    return model.sample(1, torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def scan(model, coeffs):
    """A face of the model in millimeters, away from the origin."""
    vertices = model.synthesize(coeffs)[0].double().numpy() * 10 + [5.0, -20.0, 300.0]
    return Scan("one", vertices, model.triangles.numpy(), named_points(placed(model, vertices)))


def placed(model, vertices):
    """The 68 landmarks (68, 3) of vertices (N, 3), as a method answers them."""
    vertices = torch.as_tensor(vertices)
    return model.landmark_sets["300w-lp"].of(vertices).numpy()


def seen(scan, model, view):
    """The true vertices and landmarks in pixels of a view."""
    up = torch.from_numpy(scan.vertices).float() @ view.pose[:, :3].T + view.pose[:, 3]
    vertices = flip_y(up, view.image.shape[-1], "face3d")
    return vertices, torch.from_numpy(placed(model, vertices))


def test_views_show_the_face_where_the_pose_says(scan, model):
    for pitch, yaw in ((0, 0), (20, 40), (-15, -80)):
        view = draw_view(scan, pitch, yaw, 96)
        assert view.image.shape == (3, 96, 96) and view.image.dtype == torch.uint8
        vertices, _ = seen(scan, model, view)
        low, high = vertices[:, :2].amin(0), vertices[:, :2].amax(0)
        lit = (view.image.sum(0) > 0).nonzero().flip(1).float()  # x, y
        torch.testing.assert_close(lit.amin(0), low.clamp(min=0), atol=1.5, rtol=0)
        torch.testing.assert_close(lit.amax(0), high.clamp(max=95), atol=1.5, rtol=0)


def test_turned_views_differ_and_yaw_has_the_right_sign(scan, model):
    left, right = (draw_view(scan, 0, yaw, 64) for yaw in (40, -40))
    nose = [
        seen(scan, model, view)[1][30, 0] - seen(scan, model, view)[1][[36, 45], 0].mean() for view in (left, right)
    ]
    assert nose[0] * nose[1] < 0 and not torch.equal(left.image, right.image)


@pytest.mark.parametrize("yaw", [0.0, -80.0])
def test_florence_of_the_truth_is_zero(scan, model, yaw):
    view = draw_view(scan, 20, yaw, 128)
    metric = FlorenceError()
    metric.update(*seen(scan, model, view), view)
    assert metric.compute()["per_image_mean"] < 1e-2


def test_florence_forgives_depth_and_turning_but_not_size(scan, model):
    view = draw_view(scan, 0, 0, 128)
    vertices, landmarks = seen(scan, model, view)
    figures = []
    for change in (lambda p: p + torch.tensor([0.0, 0.0, 40.0]), lambda p: 1.1 * (p - 64) + 64):
        metric = FlorenceError()
        metric.update(change(vertices), change(landmarks), view)
        figures.append(metric.compute()["per_image_mean"])
    assert figures[0] < 1e-2 and figures[1] > 1


def test_florence_curve_by_yaw(scan, model):
    metric = FlorenceError()
    for number, yaw in enumerate((-80.0, 0.0, 0.0)):
        view = draw_view(scan, 0, yaw, 64)
        vertices, landmarks = seen(scan, model, view)
        noise = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(number)) * (2 if yaw else 0)
        metric.update(vertices + noise, landmarks, view, number)
    figures = metric.compute()
    assert figures["yaw +0"] < 0.01 < figures["yaw -80"] == figures["(60,90]"]


def test_micc_is_free_of_similarity_and_measures_millimeters(scan, model):
    view = draw_view(scan, 0, 30, 128)
    vertices, landmarks = seen(scan, model, view)
    exact, larger = MiccError(), MiccError()
    exact.update(vertices, model.triangles, landmarks, scan)
    larger.update(3 * vertices + 7, model.triangles, 3 * landmarks + 7, scan)
    assert exact.compute()["per_image_mean"] < 0.02 and larger.compute()["per_image_mean"] < 0.02
    # a face puffed out by 3 mm along its normals: scale takes some of it back, never all
    from pyface3d.ops import vertex_normals

    normals = vertex_normals(torch.from_numpy(scan.vertices)[None], model.triangles)[0].numpy()
    bumpy = Scan(
        "bumpy", scan.vertices + 3 * np.sign(np.sin(scan.vertices[:, :1])) * normals, scan.triangles, scan.landmarks
    )
    metric = MiccError()
    metric.update(vertices, model.triangles, landmarks, bumpy)
    assert 1.5 < metric.compute()["per_image_mean"] < 3.5


def test_now_by_a_known_offset(scan, model):
    view = draw_view(scan, 0, 0, 128)
    vertices, landmarks = seen(scan, model, view)
    metric = NowError()
    metric.update(vertices, model.triangles, landmarks, scan)
    assert metric.compute()["median"] < 0.02
    generator = np.random.default_rng(0)
    noisy = Scan("noisy", scan.vertices + generator.normal(size=scan.vertices.shape), scan.triangles, scan.landmarks)
    metric = NowError()
    metric.update(vertices, model.triangles, landmarks, noisy)
    figures = metric.compute()
    # 1 mm of noise in each coordinate, of which the surface sees the normal one: median of |N(0, 1)| is 0.674, mean
    # 0.798
    assert figures["median"] == pytest.approx(0.674, abs=0.08) and figures["mean"] == pytest.approx(0.798, abs=0.1)
    region = now_region(noisy)
    assert len(region) < len(noisy.vertices)


def test_region_of_now_by_hand():
    points = {
        "outer_eye_right": [-45.0, 40, 0],
        "inner_eye_right": [-15.0, 40, 0],
        "inner_eye_left": [15.0, 40, 0],
        "outer_eye_left": [45.0, 40, 0],
        "nose_bottom": [0.0, 0, 0],
    }
    # bridge (0, 40, 0): center (0, 12, 0), radius 1.4 (90 + 40) / 2 = 91
    vertices = np.array([[0.0, 12 + 90.9, 0], [0.0, 12 + 91.1, 0], [90.9, 12, 0], [0.0, 12, -91.1]])
    scan = Scan(
        "x",
        vertices,
        np.array([[0, 1, 2]]),
        {**{n: np.array(p) for n, p in points.items()}, "mouth_right": np.zeros(3), "mouth_left": np.zeros(3)},
    )
    assert now_region(scan).tolist() == [vertices[0].tolist(), vertices[2].tolist()]


def write_scan(scan, folder, ibug68=None):
    mesh = trimesh.Trimesh(
        scan.vertices, scan.triangles, process=False, vertex_colors=np.full((len(scan.vertices), 3), 180, np.uint8)
    )
    mesh.export(folder / f"{scan.name}.ply")
    given = (
        {name: list(point) for name, point in scan.landmarks.items()} if ibug68 is None else {"ibug68": ibug68.tolist()}
    )
    (folder / f"{scan.name}.landmarks.json").write_text(json.dumps(given))


def test_files_round_trip(scan, model, tmp_path):
    write_scan(scan, tmp_path, placed(model, scan.vertices))
    (read,) = load_scans(tmp_path)
    np.testing.assert_allclose(read.vertices, scan.vertices, atol=1e-3)
    assert np.array_equal(read.triangles, scan.triangles) and read.colors.shape == scan.vertices.shape
    assert set(read.landmarks) == set(NAMED_POINTS)
    np.testing.assert_allclose(read.landmarks["nose_tip"], scan.landmarks["nose_tip"], atol=1e-3)


@pytest.mark.parametrize("protocol", ["florence", "micc", "now"])
def test_protocols_run_from_files(scan, model, coeffs, tmp_path, protocol, oracle_type):
    write_scan(scan, tmp_path)
    settings = {"pitches": (0.0,), "yaws": (-40.0, 0.0)} if protocol == "florence" else {}
    views = [draw_view(scan, 0, yaw, 256) for yaw in settings.get("yaws", (0.0,))]
    poses = []
    for view in views:  # the model's centimeters, moved as the scan was
        pose = view.pose.clone()
        pose[:, 3] += pose[:, :3] @ torch.tensor([5.0, -20.0, 300.0])
        pose[:, :3] *= 10
        poses.append(pose)
    oracle = oracle_type(model, coeffs.expand(len(views), -1), torch.stack(poses), size=256)
    report = evaluate(oracle, protocol, tmp_path, draws=0, **settings)
    assert report.figures["images"] == len(views)
    assert report.figures["per_image_mean"] < 0.05
    assert report.worst and report.worst[0].name.startswith("one +0")


def test_defaults_are_twenty_views():
    florence = create_protocol("florence")
    assert len(florence.pitches) * len(florence.yaws) == 20 and florence.radius == 95


def test_errors(scan, tmp_path):
    with pytest.raises(FileNotFoundError, match="no mesh"):
        load_scans(tmp_path)
    write_scan(scan, tmp_path)
    (tmp_path / "one.landmarks.json").write_text('{"nose": [0, 0, 0]}')
    with pytest.raises(ValueError, match="names nose; known are outer_eye_right"):
        load_scans(tmp_path)
    (tmp_path / "one.landmarks.json").unlink()
    with pytest.raises(FileNotFoundError, match="needs landmarks in one.landmarks.json"):
        load_scans(tmp_path)
    with pytest.raises(ValueError, match="needs landmarks nose_tip"):
        Scan("x", scan.vertices, scan.triangles, {}).points(["nose_tip"])
