import numpy as np
import pytest
import torch
import trimesh

from pyface3d import render

SIZE = 64


@pytest.fixture(scope="module")
def ball():
    """A sphere in the image frame, its table winding outward: vertices (N, 3), triangles (F, 3)."""
    mesh = trimesh.creation.icosphere(subdivisions=4)
    return mesh.vertices * [28, -28, 28] + [31.5, 31.5, 0], mesh.faces


def gray(picture):
    return picture.astype(int).sum(2)


def test_light_from_the_viewer_is_brightest_in_the_middle(ball):
    picture = render.shade(*ball, SIZE, SIZE)
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
    line = gray(picture)[32, 32:59]
    assert (np.diff(line) <= 3).all() and line[0] > line[-1] + 100
    assert (picture[0] == 0).all() and (picture[32, 32] > 150).all()


@pytest.mark.parametrize("direction, bright, dark", [((-1, 0, 1), (32, 14), (32, 50)), ((0, 1, 1), (14, 32), (50, 32))])
def test_light_comes_from_where_it_is_said(ball, direction, bright, dark):
    picture = gray(render.shade(*ball, SIZE, SIZE, light=render.Light(direction=direction)))
    assert picture[bright] > picture[dark] + 100


def test_table_of_either_winding_is_lit_alike(ball):
    vertices, triangles = ball
    outward = render.shade(vertices, triangles, SIZE, SIZE)
    inward = render.shade(vertices, triangles[:, ::-1].copy(), SIZE, SIZE)
    assert (np.abs(outward.astype(int) - inward) <= 1).mean() > 0.999  # another corner order rounds differently


def test_normal_map_points_right_up_and_towards_the_viewer(ball):
    picture = render.normal_map(*ball, SIZE, SIZE)
    np.testing.assert_allclose(picture[32, 32], [128, 128, 255], atol=4)
    assert picture[32, 55, 0] > 220 and picture[8, 32, 1] > 220
    assert np.array_equal(picture, render.shade(*ball, SIZE, SIZE, style="normals"))
    n = picture[picture.any(2)].astype(float) / 127.5 - 1
    np.testing.assert_allclose(np.linalg.norm(n, axis=1), 1, atol=0.02)


def test_depth_goes_from_black_to_white(ball):
    picture = render.depth_map(*ball, SIZE, SIZE)
    assert picture[32, 32].min() >= 254 and picture[0, 0].max() == 0 and (picture[..., 0] == picture[..., 2]).all()


def test_pncc_of_the_mean_is_its_own_position(ball):
    vertices, triangles = ball
    mean = (vertices - [31.5, 31.5, 0]) / 28
    codes = render.pncc_codes(mean)
    assert codes.min() == 0 and codes.max() == 1
    picture = render.pncc(vertices, triangles, SIZE, SIZE, codes)
    y, x = np.nonzero(picture.any(2))
    want = ((np.stack([x, y], 1) - 31.5) / 28 + 1) / 2 * 255
    np.testing.assert_allclose(picture[y, x, :2], want, atol=2)


def test_pncc_code_is_3ddfas(data_folder):
    tables = np.load(data_folder / "tddfa" / "mean_and_topology.npz")
    codes = render.pncc_codes(tables["u_shp"])  # without the mean expression
    np.testing.assert_allclose(codes, tables["pncc_code"], atol=1e-6)


def test_vertex_colors_and_texture(ball):
    vertices, triangles = ball
    flat = render.Light(ambient=1.0, directional=0.0, specular=0.0)
    red = np.tile(np.uint8([200, 10, 30]), (len(vertices), 1))
    picture = render.shade(vertices, triangles, SIZE, SIZE, colors=red, light=flat)
    np.testing.assert_allclose(picture[32, 32], [200, 10, 30], atol=1)
    uv = np.stack([(vertices[:, 0] - 3.5) / 56, 1 - (vertices[:, 1] - 3.5) / 56], 1)
    left_right = np.zeros((4, 256, 3), np.uint8)
    left_right[:, :128], left_right[:, 128:] = [255, 0, 0], [0, 0, 255]
    texture = render.Texture(left_right, uv, triangles)
    picture = render.shade(vertices, triangles, SIZE, SIZE, colors=texture, light=flat)
    assert picture[32, 20].tolist() == [255, 0, 0] and picture[32, 44].tolist() == [0, 0, 255]


def test_torch_gets_torch_and_batches_stay_batches(ball):
    vertices, triangles = (torch.from_numpy(np.array(a)) for a in ball)
    picture = render.shade(vertices, triangles, SIZE, SIZE)
    assert picture.shape == (3, SIZE, SIZE) and picture.dtype == torch.uint8
    assert np.array_equal(picture.permute(1, 2, 0).numpy(), render.shade(*ball, SIZE, SIZE))
    batch = render.shade(torch.stack([vertices, vertices + 500]), triangles, SIZE, SIZE)
    assert torch.equal(batch[0], picture) and batch[1].eq(0).all()  # the second is wholly outside


@pytest.mark.parametrize("kind", ["rgb", "gray", "gray16", "rgba", "float", "torch"])
def test_overlay_takes_any_photo(ball, kind):
    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    photo[..., 1] = photo[..., 2] = photo[..., 0]
    given = {
        "rgb": photo,
        "gray": photo[..., 0],
        "gray16": photo[..., 0].astype(np.uint16) * 257,
        "rgba": np.dstack([photo, photo[..., :1]]),
        "float": photo / 255,
        "torch": torch.from_numpy(photo).permute(2, 0, 1),
    }[kind]
    picture = render.overlay(given, *ball)
    covered = render.depth_map(*ball, SIZE, SIZE).any(2) | render.normal_map(*ball, SIZE, SIZE).any(2)
    assert np.array_equal(picture[~covered], photo[~covered])
    assert not np.array_equal(picture[covered], photo[covered])
    assert np.array_equal(render.overlay(given, *ball, alpha=0.0), photo)


def test_bad_triangles_and_no_face(ball):
    vertices, triangles = ball
    broken = vertices.copy()
    broken[5] = np.nan
    picture = render.shade(broken, triangles, SIZE, SIZE)
    assert (picture.any(2) == render.shade(vertices, triangles, SIZE, SIZE).any(2)).mean() > 0.99
    for function in (render.shade, render.depth_map, render.normal_map):
        assert not function(vertices + 1000, triangles, 1, 1).any()
        assert not function(vertices * np.nan, triangles, 5, 4).any()
        assert not function(vertices, triangles[:0], 5, 4).any()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda v, t: render.shade(v[:, :2], t, 4, 4), r"vertices must be \(N, 3\) or \(B, N, 3\)"),
        (lambda v, t: render.shade(v, t[:, :2], 4, 4), r"triangles must be \(F, 3\)"),
        (lambda v, t: render.shade(v, t, 4, 4, style="toon"), "style must be 'phong' or 'normals', got 'toon'"),
        (lambda v, t: render.shade(v, t, 4, 4, background=np.zeros((5, 4), np.uint8)), r"must be \(4, 4\) pixels"),
        (lambda v, t: render.shade(v, t, 4, 4, colors=np.zeros((2, 3))), "colors must be"),
        (lambda v, t: render.shade(v, t, 4, 4, light=render.Light(direction=(0, 0, 0))), "direction must not be zero"),
        (lambda v, t: render.overlay(np.zeros((4, 4, 7)), v, t), r"image must be \(H, W, 3\)"),
        (lambda v, t: render.overlay(np.zeros((4, 4), np.int64), v, t), "must be uint8, uint16, bool or floating"),
        (lambda v, t: render.pncc(v, t, 4, 4, np.zeros((2, 3))), "codes must be"),
    ],
)
def test_bad_input_is_one_sentence(ball, call, message):
    with pytest.raises(ValueError, match=message):
        call(*ball)
