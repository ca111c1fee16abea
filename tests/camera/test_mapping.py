import pytest
import torch

from pyface3d.camera import (
    FLIPS,
    crop_to_image,
    flip_y,
    image_to_crop,
    params_to_crop,
    params_to_image,
    pose_from_para,
    pose_to_crop,
    pose_to_image,
)

ROIS = torch.tensor(
    [[10.0, 20.0, 250.0, 260.0], [-30.0, 5.0, 60.0, 125.0]], dtype=torch.float64
)  # the second is not square


def test_crop_to_image_by_hand():
    points = torch.tensor([[[60.0, 30.0, 10.0]], [[60.0, 30.0, 8.0]]], dtype=torch.float64)
    # second roi: 90 wide, 120 high over 120 pixels: factors 0.75, 1 and their mean 0.875 for z
    expected = [[[130.0, 80.0, 20.0]], [[15.0, 35.0, 7.0]]]
    assert crop_to_image(points, ROIS).tolist() == expected
    torch.testing.assert_close(image_to_crop(crop_to_image(points, ROIS), ROIS), points)
    assert crop_to_image(points[..., :2], ROIS).tolist() == [[point[:2] for point in face] for face in expected]


def random_pose():
    return pose_from_para(
        torch.tensor([[0.1, 0.5, -0.2, 200.0, 180.0, -70.0, 9e-4], [0.3, -1.0, 0.1, 50.0, 300.0, 5.0, 2e-3]]).double()
    )


@pytest.mark.parametrize("flip", FLIPS)
def test_posing_then_cropping_is_posing_with_the_cropped_pose(flip):
    generator = torch.Generator().manual_seed(0)
    shape = torch.randn(2, 40, 3, generator=generator, dtype=torch.float64) * 6e4
    pose, height, size = random_pose(), 450, 120

    def posed(pose):
        return shape @ pose[..., :3].mT + pose[..., 3][:, None]

    in_image = flip_y(posed(pose), height, flip)
    in_crop = flip_y(posed(pose_to_crop(pose, ROIS, size, height, flip)), size, flip)
    torch.testing.assert_close(in_crop, image_to_crop(in_image, ROIS, size))
    torch.testing.assert_close(
        pose_to_image(pose_to_crop(pose, ROIS, size, height, flip), ROIS, size, height, flip), pose
    )


def test_translation_of_a_square_crop_by_hand():
    # scale k = 1/2; the bottom of the box is 190 pixels above the bottom of the image: t_y' = k (t_y - 190), + (1 -
    # k) on the 1-based grid
    pose = pose_to_crop(torch.eye(3, 4)[None] * 0 + torch.tensor([0.0, 0, 0, 200.0]), ROIS[:1], 120, 450, "3ddfa_v2")
    assert pose[0, 1, 3].item() == pytest.approx(5.0)
    pose = pose_to_crop(torch.tensor([0.0, 0, 0, 200.0]).expand(1, 3, 4), ROIS[:1], 120, 450, "3ddfa")
    assert pose[0, 1, 3].item() == pytest.approx(5.5)
    assert pose[0, 0, 3].item() == pytest.approx(95.0)


def test_params_keep_their_coefficients():
    params = torch.cat([random_pose().flatten(1), torch.arange(100.0).reshape(2, 50).double()], 1)
    cropped = params_to_crop(params, ROIS, 120, 450, "3ddfa")
    assert torch.equal(cropped[:, 12:], params[:, 12:])
    torch.testing.assert_close(
        cropped[:, :12].unflatten(1, (3, 4)), pose_to_crop(random_pose(), ROIS, 120, 450, "3ddfa")
    )
    torch.testing.assert_close(params_to_image(cropped, ROIS, 120, 450, "3ddfa"), params)


def test_gradcheck():
    points = torch.rand(2, 3, 3, dtype=torch.float64, requires_grad=True)
    pose = random_pose().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: crop_to_image(p, ROIS), points)
    assert torch.autograd.gradcheck(lambda p: pose_to_crop(p, ROIS, 120, 450), pose, atol=1e-4)


def test_errors():
    with pytest.raises(ValueError, match="crop_to_image: vertices must be"):
        crop_to_image(torch.zeros(2, 5, 3), torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"pose_to_crop: pose must be \(B, 3, 4\)"):
        pose_to_crop(torch.zeros(2, 12), ROIS, 120, 450)
    with pytest.raises(ValueError, match=r"params_to_image: params must be \(B, P\)"):
        params_to_image(torch.zeros(2, 11), ROIS, 120, 450)
