import pytest
import torch

from pyface3d import UVAtlas
from pyface3d.camera import angles_to_rotation, flip_y
from pyface3d.methods import Reconstruction
from pyface3d.methods.similarity import fit_similarity


@pytest.fixture(scope="module")
def posed(face_model):
    coeffs = face_model.sample(3, torch.Generator().manual_seed(0))
    rotation = angles_to_rotation(torch.tensor([[0.1, 0.5, -0.2], [0.0, 0.0, 0.0], [-0.3, -0.7, 0.1]]))
    translation = torch.tensor([60.0, 55.0, 20.0]).expand(3, 3)
    pose = torch.cat([4.5 * rotation, translation[:, :, None]], 2)
    return coeffs, pose


def test_parameters_and_map_tell_the_same_face(posed, face_model):
    coeffs, pose = posed
    by_params = Reconstruction(face_model, 120, coeffs=coeffs, crop_pose=pose)
    atlas = UVAtlas.from_model(face_model, 256)
    by_map = Reconstruction(face_model, 120, position_map=atlas.render(by_params.vertices), atlas=atlas)
    torch.testing.assert_close(by_map.landmarks[..., :2], by_params.landmarks[..., :2], atol=0.6, rtol=0)
    assert (by_map.angles - by_params.angles).abs().max() < 0.1  # a similarity onto another shape
    torch.testing.assert_close(by_params.vertices, flip_y(face_model.synthesize(coeffs, pose), 120, "face3d"))
    torch.testing.assert_close(by_params.landmarks, flip_y(face_model.landmarks68(coeffs, pose), 120, "face3d"))


def test_back_to_the_photo(posed, face_model):
    coeffs, pose = posed
    faces = Reconstruction(face_model, 120, coeffs=coeffs, crop_pose=pose)
    roi = torch.tensor([[10.0, 20.0, 250.0, 260.0], [0, 0, 120, 120], [-5, 7, 55, 67]])
    placed = faces.to_image(roi)
    expected = faces.landmarks * torch.tensor([2.0, 1.0, 0.5])[:, None, None]
    expected[..., :2] += roi[:, None, :2]
    torch.testing.assert_close(placed.landmarks, expected)
    from_pose = flip_y(face_model.synthesize(coeffs, placed.pose_in_image(480)), 480, "face3d")
    torch.testing.assert_close(from_pose, placed.vertices, atol=1e-3, rtol=1e-5)
    with pytest.raises(ValueError, match="call to_image"):
        faces.pose_in_image(480)
    with pytest.raises(ValueError, match=r"roi must be \(3, 4\), got \(2, 4\)"):
        faces.to_image(roi[:2])


def test_indexing_keeps_the_batch(posed, face_model):
    coeffs, pose = posed
    faces = Reconstruction(face_model, 120, coeffs=coeffs, crop_pose=pose)
    assert len(faces[1]) == 1 and torch.equal(faces[1].coeffs[0], coeffs[1])
    assert torch.equal(faces[-1].landmarks, faces[2].landmarks)
    assert len(faces[1:]) == 2
    assert [float(face.coeffs[0, 0]) for face in faces] == coeffs[:, 0].tolist()
    with pytest.raises(IndexError, match="face 3 of 3"):
        faces[3]


def test_something_to_reconstruct_from_is_needed(face_model):
    with pytest.raises(ValueError, match="needs coeffs and crop_pose, or position_map and atlas"):
        Reconstruction(face_model, 120)


def test_similarity_is_recovered_and_never_a_reflection():
    generator = torch.Generator().manual_seed(0)
    source = torch.randn(20, 3, generator=generator, dtype=torch.double)
    rotation = angles_to_rotation(torch.tensor([[0.2, 1.3, -0.4]], dtype=torch.double))
    pose = torch.cat([3 * rotation, torch.tensor([1.0, 2, 3], dtype=torch.double)[None, :, None]], 2)
    target = source @ pose[0, :, :3].T + pose[0, :, 3]
    torch.testing.assert_close(fit_similarity(source, target[None]), pose)
    mirrored = fit_similarity(source, (source * torch.tensor([-1.0, 1, 1]))[None])
    assert torch.linalg.det(mirrored[0, :, :3]) > 0
