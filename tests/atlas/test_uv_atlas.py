import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, UVAtlas
from pyface3d.morphable import find_landmarks


def model_of(mean, triangles, uv, **more):
    mean, uv = (torch.as_tensor(x, dtype=torch.float32) for x in (mean, uv))
    none = torch.zeros(len(mean), 3, 0)
    return MorphableModel(mean, none, none, torch.as_tensor(triangles), uv=uv, **more)


@pytest.fixture(scope="module")
def face():
    return MorphableModel.default()


@pytest.fixture(scope="module")
def atlas(face):
    return UVAtlas.from_model(face)


def test_every_texel_of_the_map_is_its_triangle_at_its_uv(face, atlas):
    # texel -> (triangle, barycentrics) -> uv must be the texel's own place, borders included where they extrapolate
    row, column = torch.nonzero(atlas.triangle_ids >= 0).T
    triangles = atlas.triangle_ids[row, column].long()
    assert torch.equal(atlas.corners[row, column].long(), face.triangles[triangles])
    weights = atlas.barycentrics[row, column]
    torch.testing.assert_close(weights.sum(1), torch.ones(len(row)))
    uv = (face.uv[face.uv_triangles[triangles]] * weights[..., None]).sum(1)
    places = torch.stack([uv[:, 0] * 255, (1 - uv[:, 1]) * 255], 1)
    inside = (weights >= -1e-4).all(1)
    error = (places - torch.stack([column, row], 1)).norm(dim=1)
    assert error[inside].quantile(0.999) < 1e-3
    assert inside.float().mean() > 0.95


@pytest.mark.parametrize("size", [256, 192, 64])
def test_vertices_come_back_within_the_texel_grid(face, size):
    # A position in crop pixels of a face that is 0.8 of the crop wide; resolution: the mesh's own mean edge.
    atlas = UVAtlas.from_model(face, size)
    generator = torch.Generator().manual_seed(0)
    vertices = face.synthesize(face.sample(3, generator))
    width = (face.mean[:, 0].max() - face.mean[:, 0].min()) / (0.8 * size)  # cm per pixel
    error = (atlas.vertices(atlas.render(vertices)) - vertices[:, atlas.vertex_ids]).norm(dim=2)
    assert len(atlas.vertex_ids) == face.n_vertices
    assert error.mean() / width < 0.5  # half a pixel of the crop that the map describes
    edges = face.mean[face.triangles] - face.mean[face.triangles.roll(1, 1)]
    assert size < 256 or error.mean() < 0.5 * edges.norm(dim=2).mean()


def test_landmarks_come_back(face, atlas):
    maps = atlas.render(face.mean[None])
    truth = find_landmarks(face, "ibug81").of(face.mean)
    assert (atlas.landmarks(maps, 81)[0] - truth).norm(dim=1).max() < 0.15  # cm
    nearest = atlas.landmarks(maps, 81, nearest=True)[0]
    assert (nearest - truth).norm(dim=1).max() < 0.4
    texels = atlas.landmark_texels(81)
    assert torch.equal(nearest[5], maps[0, :, texels[5, 1], texels[5, 0]])


def test_areas_of_the_default_face(atlas):
    areas = atlas.areas()
    counts = torch.bincount(areas.flatten().long(), minlength=6)
    assert counts[0] == 0 and counts[1] == 81 and (counts[2:] > 1000).all()
    assert areas[:1].eq(5).all() and areas[-30:].eq(5).all()  # background, neck
    column, row = atlas.landmark_texels(81).T
    assert areas[row, column].eq(1).all()
    weights = atlas.weight_mask()
    assert weights.dtype == torch.float32 and weights.unique().tolist() == [0, 3, 4, 5, 16]
    assert atlas.weight_mask("prnet").unique().tolist() == [0, 3, 4, 16]
    assert atlas.weight_mask("prnet").eq(16).sum() == 68
    assert atlas.weight_mask((7, 7, 7, 7, 1)).unique().tolist() == [1, 7]
    assert atlas.areas(landmark_radius=1).eq(1).sum() > 8 * 81


def test_save_and_load_give_the_same_atlas(atlas, tmp_path):
    atlas.save(tmp_path / "face.atlas")
    loaded = UVAtlas.load(tmp_path / "face.atlas")
    before, after = dict(atlas.named_buffers()), dict(loaded.named_buffers())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in before)
    assert [path.name for path in tmp_path.iterdir()] == ["face.atlas"]


def test_load_refuses_other_and_broken_files(atlas, tmp_path):
    path = tmp_path / "face.atlas"
    with pytest.raises(ValueError, match="no file"):
        UVAtlas.load(path)
    path.write_bytes(b"not safetensors")
    with pytest.raises(ValueError, match="face.atlas is damaged"):
        UVAtlas.load(path)
    atlas.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged or truncated"):
        UVAtlas.load(path)


def test_load_refuses_indices_out_of_range(atlas, tmp_path):
    broken = UVAtlas.from_model(MorphableModel.default(), 16)
    broken.corners[3, 3, 0] = broken.n_vertices
    broken.save(tmp_path / "face.atlas")
    with pytest.raises(ValueError, match=r"corners must be in \[0, 9409\)"):
        UVAtlas.load(tmp_path / "face.atlas")


def test_save_to_a_full_or_missing_folder_leaves_nothing(atlas, tmp_path, monkeypatch):
    path = tmp_path / "face.atlas"
    path.write_bytes(b"before")
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        atlas.save(path)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_geometry_keeps_its_precision_and_follows_the_device(atlas):
    half = UVAtlas.from_model(MorphableModel.default(), 16).half()
    assert half.barycentrics.dtype == torch.float32 and half.corners.dtype == torch.int32
    assert half.to("meta").barycentrics.device.type == "meta"
    assert not atlas.state_dict()  # weights of a network do not carry the chart of the model


SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


def test_overlapping_charts_the_first_triangle_wins():
    low = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0.0]])
    model = model_of(np.concatenate([low, low + [0, 0, 9]]), [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], SQUARE * 2)
    atlas = UVAtlas.from_model(model, 32)
    assert atlas.triangle_ids.max() == 1
    assert atlas.vertex_ids.tolist() == [0, 1, 2, 3]  # the hidden chart cannot be read back
    assert atlas.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]
    maps = atlas.render(model.mean[None])
    torch.testing.assert_close(atlas.vertices(maps)[0], model.mean[:4], rtol=0, atol=1e-4)


def test_charts_without_area_out_of_the_tile_or_nan_are_left_out():
    square = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0.0]])
    shifted = [square + [9 * k, 0, 0] for k in range(4)]
    uv = SQUARE + [[0.5, 0.95]] * 4 + [[u + 1, v] for u, v in SQUARE] + [[float("nan"), 0.5]] * 4
    triangles = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(4)])
    atlas = UVAtlas.from_model(model_of(np.concatenate(shifted), triangles, uv), 32)
    assert atlas.triangle_ids.max() == 1 and atlas.vertex_ids.tolist() == [0, 1, 2, 3]


def test_border_continues_the_chart_linearly_and_holes_are_filled():
    size, steps = 33, np.linspace(0, 1, 9)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    first = (np.arange(81).reshape(9, 9)[:-1, :-1]).reshape(-1)
    quads = [q for q in first if q not in (30, 31, 39, 40)]  # a hole in the middle
    triangles = [t for q in quads for t in ([q, q + 9, q + 1], [q + 1, q + 9, q + 10])]
    uv = 0.2 + 0.6 * grid
    model = model_of(np.concatenate([uv, uv[:, :1]], 1), triangles, uv)
    atlas = UVAtlas.from_model(model, size, border=2)
    bare = UVAtlas.from_model(model, size, border=0)
    covered, filled = bare.triangle_ids >= 0, atlas.triangle_ids >= 0
    maps = atlas.render(model.mean[None])[0]
    outside = filled & (torch.nonzero(covered).min() > torch.arange(size))[:, None]  # rows above the chart
    assert outside.any(1).sum() == 2
    torch.testing.assert_close(maps[1][outside], (1 - torch.nonzero(outside)[:, 0] / 32).float())
    middle = slice(14, 19)  # the hole, uv 0.425 .. 0.575
    assert filled[middle, middle].all() and atlas.face_mask[middle, middle].all()
    assert (maps[:2, 16, 16] - 0.5).norm() > 1.5 / 32  # deep in the hole the nearest position of its rim is repeated
    assert (maps[:2, 16, 16] - 0.5).norm() < 5 / 32
    assert not filled[0].any() and not atlas.face_mask[outside].any()


def test_a_model_without_landmarks_has_an_atlas_without_them():
    model = model_of([[0, 0, 0], [4, 0, 0], [4, 4, 0.0]], [[0, 1, 2]], SQUARE[:3])
    atlas = UVAtlas.from_model(model, 16)
    assert atlas.landmark_uv.shape == (0, 2) and set(atlas.areas().unique().tolist()) == {4, 5}
    with pytest.raises(ValueError, match="0 landmarks, asked for 68"):
        atlas.landmarks(atlas.render(model.mean[None]))


def test_forehead_by_the_rule_of_thirds_lies_on_the_forehead(face):
    # the rule serves models without a forehead of their own; here beside one that has it
    sets = {name: points for name, points in face.landmark_sets.items() if name != "forehead13"}
    bare = face._replaced(forehead=None, landmark_sets=sets)
    rule = UVAtlas.from_model(bare).landmark_uv[68:]
    column = [rule[number - 68, 0].item() for number in (77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78)]
    assert column == sorted(column)  # from the subject's right to the left
    assert (rule[:, 1] > UVAtlas.from_model(bare).landmark_uv[17:27, 1].min()).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": 1}, "size must be at least 2"),
        ({"border": -1}, "border at least 0"),
        ({"face": torch.ones(5)}, r"face must be \(9409,\) or \(256, 256\), got \(5,\)"),
        ({"landmark_uv": torch.ones(5, 2)}, r"landmark_uv must be \(68, 2\) or \(81, 2\), got \(5, 2\)"),
    ],
)
def test_bad_arguments_are_one_sentence(face, arguments, message):
    with pytest.raises(ValueError, match=message):
        UVAtlas.from_model(face, **arguments)


def test_models_without_a_layout_are_refused(face, atlas):
    with pytest.raises(ValueError, match="no UV layout"):
        UVAtlas.from_model(face._replaced(uv=None, uv_triangles=None))
    empty = model_of([[0, 0, 0], [4, 0, 0], [4, 4, 0.0]], [[0, 1, 2]], [[0.5, 0.5]] * 3)
    with pytest.raises(ValueError, match="no triangle of model covers a texel"):
        UVAtlas.from_model(empty, 16)
    with pytest.raises(ValueError, match="specific, prnet, uniform"):
        atlas.weight_mask("none")
    with pytest.raises(ValueError, match="4 or 5 numbers, got 3"):
        atlas.weight_mask((1, 2, 3))
