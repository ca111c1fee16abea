import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pyface3d import ops
from pyface3d.camera import flip_y
from pyface3d.cli import app
from pyface3d.data import Report
from pyface3d.data.label_folder import LabeledFaces
from pyface3d.data.profiling import PhotographedFace, Profiler, Views, profile_faces

HEIGHT, WIDTH, SIZE = 150, 130, 48


@pytest.fixture(scope="module")
def profiler(model):
    return Profiler(size=SIZE)


@pytest.fixture(scope="module")
def params(model, profiler):
    """A frontal face of the photo's frame, 3.5 pixels in a centimeter."""
    coeffs = model.sample(1, torch.Generator().manual_seed(0)) * 0.5
    pose = torch.cat([3.5 * torch.eye(3), torch.tensor([[64.0], [80.0], [0.0]])], 1)[None]
    return profiler.space.join(pose, coeffs)


def seen(profiler, params, height):
    """Pixels (B, N, 3) of the drawn vertices under parameters of a frame of this height."""
    pose, coeffs = profiler.space.split(params)
    return flip_y(profiler.head.model.synthesize(coeffs, pose), height)


def head_photo(profiler, params, head, around):
    """A photo (3, H, W) of a head of one color before another."""
    ids, _, _ = ops.rasterize(seen(profiler, params, HEIGHT), profiler.head.model.triangles, HEIGHT, WIDTH)
    colors = torch.tensor([around, head], dtype=torch.uint8)
    return colors[(ids[0] >= 0).long()].permute(2, 0, 1)


def smooth_photo():
    """A photo without edges."""
    y, x = torch.meshgrid(torch.linspace(0, 6, HEIGHT), torch.linspace(0, 5, WIDTH), indexing="ij")
    waves = torch.stack([x.sin(), y.cos(), (x + y).sin()])
    return (127 + 100 * waves).round().to(torch.uint8)


@pytest.mark.parametrize("yaw", [-75.0, 0.0, 40.0, 90.0])
def test_label_is_the_rendered_surface(model, profiler, params, yaw):
    photo = head_photo(profiler, params, [250, 40, 40], [40, 40, 250])
    view = profiler.render(profiler.lift([photo], params), torch.tensor([yaw]), torch.tensor([6.0]))
    pose, coeffs = profiler.space.split(view["params"])
    expected = flip_y(model.landmarks68(coeffs, pose), SIZE)
    torch.testing.assert_close(view["landmarks"], expected, rtol=0, atol=1e-3)
    assert coeffs.equal(params[:, 12:])

    ids, _, _ = ops.rasterize(seen(profiler, view["params"], SIZE), profiler.head.model.triangles, SIZE, SIZE)
    red = view["image"][0, 0].int() > view["image"][0, 2].int()
    head = ids[0] >= 0
    assert (red & head).sum() / (red | head).sum() > 0.96  # what is red is the surface of the label


def test_unturned_face_is_the_photo(profiler, params):
    photo = smooth_photo()
    lifted = profiler.lift([photo], params)
    view = profiler.render(lifted, torch.zeros(1))
    left, top, right, bottom = view["box"][0]
    x, y = (start + torch.arange(SIZE) * (end - start) / SIZE for start, end in ((left, right), (top, bottom)))
    grid = torch.stack(torch.meshgrid(y * 2 / (HEIGHT - 1) - 1, x * 2 / (WIDTH - 1) - 1, indexing="ij")[::-1], -1)
    crop = torch.nn.functional.grid_sample(photo[None].float(), grid[None], align_corners=True)
    inside = slice(SIZE // 4, 3 * SIZE // 4)  # away from the outline, whose colors are read further in
    difference = (view["image"].float() - crop)[..., inside, inside].abs()
    assert difference.mean() < 2.0


def test_no_holes_and_no_other_color(profiler, params):
    photo = torch.full((3, HEIGHT, WIDTH), 90, dtype=torch.uint8)
    lifted = profiler.lift([photo], params)
    for yaw in (-90.0, -45.0, 60.0, 90.0):
        view = profiler.render(lifted, torch.tensor([yaw]), torch.tensor([-15.0]))
        assert view["image"].eq(90).all()
        assert abs(float(view["yaw"]) - yaw) < 16


def test_nothing_of_the_other_side_is_shown(profiler, params):
    """A face painted red on its right and green on its left shows no green from the right."""
    photo = head_photo(profiler, params, [250, 0, 0], [0, 0, 250])
    middle = 64
    photo[:, :, middle:] = photo[[1, 0, 2]][:, :, middle:]
    for yaw, there, other in ((90.0, 1, 0), (-90.0, 0, 1)):  # a positive yaw shows the left half of the face
        image = profiler.render(profiler.lift([photo], params), torch.tensor([yaw]))["image"][0].int()
        strong = image[there] > 128
        assert strong.float().mean() > 0.3 and (image[other] > 128).float().mean() < 0.08


def test_photo_is_moved_over_the_surface(model, profiler, params):
    """Landmarks seen three pixels beside the fit show what is there."""
    photo = smooth_photo()
    surface = model.landmarks68(params[:, 12:])
    points = flip_y(model.landmarks68(params[:, 12:], params[:, :12].view(1, 3, 4)), HEIGHT)[..., :2]
    moved = torch.roll(photo, 3, 2)
    same = profiler.render(profiler.lift([photo], params, points, surface), torch.zeros(1))["image"].float()
    back = profiler.render(profiler.lift([moved], params, points + torch.tensor([3.0, 0.0]), surface), torch.zeros(1))[
        "image"
    ].float()
    left = profiler.render(profiler.lift([moved], params), torch.zeros(1))["image"].float()
    inside = (..., slice(SIZE // 4, 3 * SIZE // 4), slice(SIZE // 4, 3 * SIZE // 4))
    assert (back - same)[inside].abs().mean() < 0.35 * (left - same)[inside].abs().mean()


def test_hidden_side_is_guessed_and_left_out(profiler, params):
    turned = params.clone()
    angle = torch.tensor(0.6)
    turn = torch.tensor([[angle.cos(), 0, -angle.sin()], [0, 1, 0], [angle.sin(), 0, angle.cos()]])
    turned[:, :12] = torch.cat([3.5 * turn, params[0, [3, 7, 11]][:, None]], 1).reshape(1, 12)
    lifted = profiler.lift([smooth_photo()], turned)
    on, back = (float(profiler.guessed(lifted, torch.tensor([yaw]))) for yaw in (80.0, -80.0))
    assert on < 0.2 < 0.4 < back


def faces(model, profiler, params, count=2):
    points = flip_y(model.landmarks68(params[:, 12:], params[:, :12].view(1, 3, 4)), HEIGHT)[0, :, :2]
    return [PhotographedFace(f"face{k}", smooth_photo(), points + k) for k in range(count)]


def test_views_of_faces_do_not_depend_on_their_company(model, profiler, params):
    views = Views(yaws=[-60, 0, 60], spread=5, pitch=4, jitter=0.03, most_guessed=1.0, seed=3)
    report = Report()
    both = list(profile_faces(faces(model, profiler, params), profiler, views, report))
    again = list(profile_faces(faces(model, profiler, params), profiler, views, Report()))
    first = list(profile_faces(faces(model, profiler, params, 1), profiler, views, Report()))
    assert report.total == 6 and not report.refused and [s["name"] for s in first] == [s["name"] for s in both[:3]]
    assert len({s["name"] for s in both}) == 6
    assert all(a["image"].equal(b["image"]) and a["params"].equal(b["params"]) for a, b in zip(both, again))
    for a, b in zip(first, both):
        torch.testing.assert_close(a["params"], b["params"], rtol=1e-4, atol=1e-4)
    assert abs(both[0]["yaw"] + 60) < 8 and both[0]["yaw"] != -60
    other = list(profile_faces(faces(model, profiler, params, 1), profiler, Views([0], 5, seed=4), Report()))
    assert other[0]["yaw"] != both[1]["yaw"]


def test_a_face_that_cannot_be_fitted_is_named(model, profiler, params):
    blind = PhotographedFace("blind", smooth_photo(), torch.full((68, 2), torch.nan))
    report = Report()
    samples = list(profile_faces([blind, *faces(model, profiler, params, 1)], profiler, Views([30]), report))
    assert [s["name"] for s in samples] == ["face0_+30"] and list(report.refused) == ["blind"]


def test_command_writes_a_label_folder_and_a_sheet(model, profiler, params, tmp_path):
    (face,) = faces(model, profiler, params, 1)
    Image.fromarray(face.photo.permute(1, 2, 0).numpy()).save(tmp_path / "ada.png")
    np.savez(tmp_path / "points.npz", names=np.array(["ada.png"]), landmarks=face.points[None].numpy())
    options = {"--out": "out", "--landmarks": "points.npz", "--sheet": "sheet.png"}
    arguments = ["profile", str(tmp_path / "ada.png"), "--size", "48", "--json", "--yaw", "-60:60:60"]
    arguments += [part for option, file in options.items() for part in (option, str(tmp_path / file))]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["views"] == 3
    labeled = LabeledFaces(tmp_path / "out")
    assert labeled.names == ["ada_-60", "ada_+00", "ada_+60"] and len(labeled[0]["visible"]) == 68
    turned, frontal = (labeled[k]["visible"] for k in (0, 1))
    assert turned.sum() < 50 and frontal[17:].sum() > 48  # points of the jaw stand on the outline
    assert json.loads((tmp_path / "out/report.json").read_text())["model_hash"] == model.hash()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 48, 48)
    wrong = CliRunner().invoke(app, [*arguments, "--yaw", "0:90"])
    assert wrong.exit_code == 2 and "--yaw" in wrong.output
