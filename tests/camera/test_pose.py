import math

import pytest
import torch

from pyface3d import camera
from pyface3d.camera import angles_to_rotation, compose_pose, decompose_pose, pose_to_angles


def rotation_by_factors(pitch, yaw, roll):
    """Rx Ry Rz multiplied out of 300W-LP's three matrices."""
    c, s = math.cos, math.sin
    rx = torch.tensor([[1, 0, 0], [0, c(pitch), s(pitch)], [0, -s(pitch), c(pitch)]], dtype=torch.float64)
    ry = torch.tensor([[c(yaw), 0, -s(yaw)], [0, 1, 0], [s(yaw), 0, c(yaw)]], dtype=torch.float64)
    rz = torch.tensor([[c(roll), s(roll), 0], [-s(roll), c(roll), 0], [0, 0, 1]], dtype=torch.float64)
    return rx @ ry @ rz


@pytest.fixture
def angles():
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(200, 3, generator=generator, dtype=torch.float64) - 0.5) * torch.tensor([2.8, 3.0, 6.0])


def test_rotation_is_the_product_of_the_three(angles):
    expected = torch.stack([rotation_by_factors(*row.tolist()) for row in angles])
    torch.testing.assert_close(angles_to_rotation(angles), expected)


def test_exact_angles_invert(angles):
    torch.testing.assert_close(pose_to_angles(angles_to_rotation(angles)), angles)


def test_legacy_angles_are_the_published_wrong_ones():
    # conventions of 3DDFA: a true (-0.2, 0.7, 0.3) comes out as (0.465, 0.576, -0.513)
    legacy = pose_to_angles(angles_to_rotation(torch.tensor([[-0.2, 0.7, 0.3]])), "3ddfa")
    torch.testing.assert_close(legacy, torch.tensor([[0.465, 0.576, -0.513]]), atol=5e-4, rtol=0)


def test_legacy_angles_agree_for_yaw_alone():
    angles = torch.tensor([[0.0, 0.9, 0.0], [0.0, -0.4, 0.0]])
    torch.testing.assert_close(pose_to_angles(angles_to_rotation(angles), "3ddfa"), angles)


@pytest.mark.parametrize("yaw", [math.pi / 2, -math.pi / 2])
def test_gimbal_lock_keeps_the_rotation(yaw):
    rotation = angles_to_rotation(torch.tensor([[0.3, yaw, 0.2]], dtype=torch.float64))
    again = angles_to_rotation(pose_to_angles(rotation))
    torch.testing.assert_close(again, rotation, atol=1e-7, rtol=0)
    assert pose_to_angles(rotation, "3ddfa").isfinite().all()


def test_para_round_trip(angles):
    generator = torch.Generator().manual_seed(1)
    translation = torch.randn(200, 3, generator=generator, dtype=torch.float64) * 100
    scale = torch.rand(200, 1, generator=generator, dtype=torch.float64) * 1e-3 + 1e-4
    para = torch.cat([angles, translation, scale], 1)
    torch.testing.assert_close(camera.para_from_pose(camera.pose_from_para(para)), para)


def test_negative_scale_survives():
    para = torch.tensor([[0.1, 0.2, 0.3, 1.0, 2.0, 3.0, -5e-4]], dtype=torch.float64)
    torch.testing.assert_close(camera.para_from_pose(camera.pose_from_para(para)), para)


def test_pose_from_para_by_hand():
    # yaw of 90 degrees: R = [[0,0,-1],[0,1,0],[1,0,0]]
    pose = camera.pose_from_para(torch.tensor([[0.0, math.pi / 2, 0.0, 4.0, 5.0, 6.0, 2.0]]))
    expected = torch.tensor([[[0.0, 0.0, -2.0, 4.0], [0.0, 2.0, 0.0, 5.0], [2.0, 0.0, 0.0, 6.0]]])
    torch.testing.assert_close(pose, expected, atol=1e-6, rtol=0)


def test_decompose_follows_tddfa_on_an_unclean_matrix():
    pose = torch.tensor([[[2.0, 0, 0, 1], [0, 4.0, 0, 2], [0.3, 0.3, 9.0, 3]]])
    scale, rotation, translation = decompose_pose(pose)
    assert scale.item() == 3.0
    torch.testing.assert_close(rotation[0], torch.eye(3))
    assert translation.tolist() == [[1, 2, 3]]


def test_compose_inverts_decompose(angles):
    pose = compose_pose(torch.linspace(0.1, 2, 200, dtype=torch.float64), angles_to_rotation(angles), angles * 10)
    torch.testing.assert_close(compose_pose(*decompose_pose(pose)), pose)


def test_gradients(angles):
    few = angles[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(angles_to_rotation, few)
    assert torch.autograd.gradcheck(lambda a: pose_to_angles(angles_to_rotation(a)), few)


def test_errors():
    with pytest.raises(ValueError, match=r"pose_from_para: para must be \(..., 7\), got \(2, 6\)"):
        camera.pose_from_para(torch.zeros(2, 6))
    with pytest.raises(ValueError, match="convention must be one of 300wlp, 3ddfa"):
        pose_to_angles(torch.eye(3)[None], "euler")
    with pytest.raises(ValueError, match=r"pose must be \(..., 3, 4\)"):
        decompose_pose(torch.zeros(2, 2, 4))


def test_positive_angles_turn_as_the_documentation_draws_them():
    left, up, toward = torch.eye(3)  # the subject's left, up and to the viewer
    pitch, yaw, roll = angles_to_rotation(0.3 * torch.eye(3))
    assert (pitch @ toward)[1] > 0  # chin up
    assert (yaw @ toward)[0] < 0  # to the subject's right
    assert (roll @ up) @ left > 0  # the top to the subject's left
