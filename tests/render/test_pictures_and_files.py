import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from pyface3d import render

CUBE = trimesh.creation.box()


def test_turntable_turns():
    frames = render.turntable(CUBE.vertices, CUBE.faces, size=40, views=5, sweep=180)
    assert frames.shape == (5, 40, 40, 3)
    widths = [frame.any(2).any(0).sum() for frame in frames]
    assert widths[0] == widths[2] == widths[4] and widths[1] > widths[2]  # a face, an edge, a face ...
    assert not frames[:, 0].any() and not frames[:, :, 0].any()  # nothing is cut off


def test_full_turn_does_not_repeat_the_first_view():
    frames = render.turntable(torch.from_numpy(np.array(CUBE.vertices)), CUBE.faces, size=40, views=8, sweep=360)
    assert frames.shape == (8, 3, 40, 40)
    assert torch.equal(frames[0].any(0), frames[2].any(0)) and not torch.equal(frames[0].any(0), frames[7].any(0))


def test_turntable_y_up_is_upright():
    tip = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0.0]])
    (frame,) = render.turntable(tip, np.array([[0, 1, 2]]), size=50, views=1, y_up=True)
    assert frame[10].any(1).sum() < frame[40].any(1).sum()


def test_landmarks_are_drawn_where_they_are():
    points = np.array([[10.0, 5.0], [30.0, 20.0], [np.nan, 3.0], [1e9, 0.0]])
    picture = render.draw_landmarks(np.zeros((40, 50), np.uint8), points, visible=np.array([1, 0, 1, 1]), radius=1.5)
    assert picture[5, 10].tolist() == [60, 220, 90] and picture[20, 30].tolist() == [235, 70, 60]
    y, x = np.nonzero(picture.any(2))
    assert ((np.hypot(x - 10, y - 5) < 4) | (np.hypot(x - 30, y - 20) < 4)).all()


def test_contours_join_68_points():
    angles = np.linspace(0, np.pi, 17)
    points = np.full((68, 2), np.nan)
    points[:17] = np.stack([50 - 40 * np.cos(angles), 20 + 60 * np.sin(angles)], 1)
    with_lines, without = (
        render.draw_landmarks(np.zeros((100, 100, 3), np.uint8), points, contours=contours, radius=1.0)
        for contours in (True, False)
    )
    assert with_lines.any(2).sum() > 1.5 * without.any(2).sum()
    torch_picture = render.draw_landmarks(torch.zeros(3, 100, 100, dtype=torch.uint8), torch.from_numpy(points))
    assert torch_picture.shape == (3, 100, 100)
    with pytest.raises(ValueError, match=r"landmarks must be \(L, 2\) or \(L, 3\)"):
        render.draw_landmarks(with_lines, points[0])


def test_side_by_side_joins_batches_and_grays():
    red = np.zeros((2, 4, 3, 3), np.uint8) + np.uint8([255, 0, 0])
    strip = render.side_by_side(red, np.full((4, 5), 7, np.uint8))
    assert strip.shape == (4, 11, 3) and strip[0, 0].tolist() == [255, 0, 0] and strip[0, 10].tolist() == [7, 7, 7]
    with pytest.raises(ValueError, match="one height"):
        render.side_by_side(red, red[:, :2])


def test_files_come_back(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    render.save_picture(tmp_path / "a.png", frames[0])
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), frames[0])
    render.save_picture(tmp_path / "a.png", torch.from_numpy(frames[1]).permute(2, 0, 1))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), frames[1])
    render.save_animation(tmp_path / "a.gif", frames)
    with Image.open(tmp_path / "a.gif") as animation:
        assert animation.n_frames == 6 and animation.size == (9, 8)  # there and back
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "a.png"]


def test_bad_files_are_one_sentence(tmp_path):
    picture = np.zeros((2, 2, 3), np.uint8)
    for call, message in (
        (lambda: render.save_picture(tmp_path / "a.bmp", picture), "path must end in .png"),
        (lambda: render.save_picture(tmp_path / "a.png", picture[None].repeat(2, 0)), "must be one picture, got 2"),
        (lambda: render.save_animation(tmp_path / "a.png", picture[None]), "path must end in .gif"),
        (lambda: render.save_animation(tmp_path / "a.gif", picture[None][:0]), "at least one picture"),
        (lambda: render.turntable(picture[0], picture[0], views=0), "views must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert not list(tmp_path.iterdir())
