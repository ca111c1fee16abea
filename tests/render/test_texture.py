import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, render

SIZE = 200


@pytest.fixture(scope="module")
def face():
    """The default face in an image of SIZE pixels, and its tables."""
    model = MorphableModel.default()
    vertices = (model.mean - model.mean.mean(0)).numpy() * [7, -7, 7] + [SIZE / 2, SIZE / 2, 0]
    return vertices, model.triangles.numpy(), model.uv.numpy(), model.uv_triangles.numpy()


def turned(vertices, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    center = np.array([SIZE / 2, SIZE / 2, 0])
    return (vertices - center) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + center


def photo_of(vertices):
    """A photo whose color says where it was taken: red grows to the right, green downwards."""
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.stack([x, y, np.full_like(x, 100)], 2).astype(np.uint8)


def test_frontal_face_shows_its_own_positions(face):
    vertices, triangles, uv, uv_triangles = face
    texture = render.extract_texture(photo_of(vertices), *face, size=128)
    assert texture.image.shape == (128, 128, 3) and texture.visible.shape == (128, 128)
    texel = np.round([1, -1] * uv * 127 + [0, 127]).astype(int)  # x, y
    nose = [i for i in np.argsort(-vertices[:, 2])[:200] if texture.visible[texel[i, 1], texel[i, 0]]]
    assert len(nose) > 150
    np.testing.assert_allclose(texture.image[texel[nose, 1], texel[nose, 0], :2], vertices[nose, :2], atol=3)


def test_hidden_half_comes_from_the_seen_half(face):
    vertices, triangles, uv, uv_triangles = face
    posed = turned(vertices, 70)
    photo = np.full((SIZE, SIZE, 3), 128, np.uint8)
    mirrored = render.extract_texture(photo, posed, *face[1:], size=64)
    left, right = mirrored.visible[:, :32].mean(), mirrored.visible[:, 32:].mean()
    assert min(left, right) < 0.5 * max(left, right)
    assert (np.abs(mirrored.image.astype(int) - 128) <= 1).all()  # no hole, no background
    photo = photo_of(posed)
    mirrored = render.extract_texture(photo, posed, *face[1:], size=64).image.astype(int)
    plain = render.extract_texture(photo, posed, *face[1:], size=64, mirror=False).image.astype(int)

    def asymmetry(picture):
        return np.abs(picture - picture[:, ::-1]).mean()

    assert asymmetry(mirrored) < 0.5 * asymmetry(plain)


def test_occluder_is_not_painted_on_what_it_hides(face):
    vertices, triangles, uv, uv_triangles = face
    posed = turned(vertices, 40)
    texture = render.extract_texture(photo_of(posed), posed, *face[1:], size=128)
    assert 0.2 < texture.visible.mean() < 0.95


def test_face_outside_the_photo_gives_a_texture_without_visible_texels(face):
    texture = render.extract_texture(photo_of(None), face[0] + [1000, 0, 0], *face[1:], size=32)
    assert not texture.visible.any() and texture.image.shape == (32, 32, 3)


def test_torch_in_torch_out(face):
    tensors = [torch.from_numpy(np.array(a)) for a in face]
    photo = torch.from_numpy(photo_of(None)).permute(2, 0, 1)
    texture = render.extract_texture(photo, *tensors, size=32)
    assert texture.image.shape == (3, 32, 32) and texture.visible.shape == (32, 32)
    with pytest.raises(ValueError, match=r"vertices must be \(N, 3\), got \(1,"):
        render.extract_texture(photo, tensors[0][None], *tensors[1:])
