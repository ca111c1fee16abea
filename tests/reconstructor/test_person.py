import numpy as np
import pytest
import torch
import trimesh

from pyface3d.data.synthetic.clip import Person as Actor
from pyface3d.data.synthetic.clip import SyntheticClip
from pyface3d.methods import create_method
from pyface3d.reconstructor import Reconstructor
from pyface3d.reconstructor.person import share_identity


@pytest.fixture(scope="module")
def photos():
    """A made-up person from the left, the front and the right."""
    angles = np.array([[0, -45, 0], [3, 5, 2], [-4, 45, -3]], float)
    actor = Actor(44, np.zeros((3, 52)), angles, np.tile([160.0, 150.0], (3, 1)))
    return [frame.image for frame in SyntheticClip([actor], 320, 320, noise=0.0)]


@pytest.fixture(scope="module")
def person(photos):
    return Reconstructor().person(photos)


def test_a_person_has_the_mean_identity_and_each_photo_its_own_pose(person, photos):
    singles = [Reconstructor()(photo)[0] for photo in photos]
    mean = torch.stack([face.reconstruction.coeffs[0, :40] for face in singles]).mean(0).numpy()
    assert np.allclose(person.identity, mean, atol=1e-6)
    for face, single in zip(person.faces, singles):
        assert face.angles == pytest.approx(single.angles)
        assert np.allclose(face.params[12:52], mean, atol=1e-6)
        assert np.allclose(face.params[52:], single.params[52:])
        assert np.abs(face.landmarks - single.landmarks).max() < 15  # pixels of a face of 130


def test_the_texture_is_merged_from_what_each_photo_shows(person, photos, tmp_path):
    def seen(faces):
        return share_identity(faces).texture(128).astype(float)

    left, right = photos[0].copy(), photos[2].copy()
    left[..., 1:] = left[..., 1:] // 3  # the first photo is red, the last one blue
    right[..., :2] = right[..., :2] // 3
    from dataclasses import replace

    tinted = [
        replace(face, photo=replace(face.photo, pixels=pixels))
        for face, pixels in zip((person.faces[0], person.faces[2]), (left, right))
    ]

    def apart(texture):
        """How much redder one half of the face is than the other."""
        redness = texture[40:90, :, 0] - texture[40:90, :, 2]
        return abs(redness[:, 20:54].mean() - redness[:, 74:108].mean())

    assert apart(seen(tinted)) > 60 > 2 * apart(seen(tinted[:1]))
    path = person.save(tmp_path / "person.glb")
    assert next(iter(trimesh.load(path).geometry.values())).visual.material.baseColorTexture.size == (512, 512)


def test_what_is_no_person(photos):
    gray = np.full((200, 200, 3), 128, np.uint8)
    with pytest.raises(ValueError, match="number 1"):
        Reconstructor().person([photos[1], gray])
    with pytest.raises(ValueError, match="at least one"):
        share_identity([])
    torch.manual_seed(0)
    maps = Reconstructor(create_method("prnet"), detector="whole")
    with pytest.raises(ValueError, match="parameters"):
        maps.person([photos[1]])
