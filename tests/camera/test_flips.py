import pytest
import torch

from pyface3d.camera import FLIPS, flip_y, unflip_y


@pytest.mark.parametrize(
    ("name", "expected"),
    [("3ddfa", [10.0, 101.0, 5.0]), ("3ddfa_v2", [9.0, 100.0, 4.0]), ("face3d", [10.0, 99.0, 5.0])],
)
def test_flip_by_hand(name, expected):
    point = torch.tensor([[10.0, 20.0, 5.0]])
    assert flip_y(point, 120, name).tolist() == [expected]
    assert flip_y(point[:, :2], 120, name).tolist() == [expected[:2]]


@pytest.mark.parametrize("name", FLIPS)
@pytest.mark.parametrize("dims", [2, 3])
def test_unflip_inverts(name, dims):
    points = torch.randn(2, 5, dims, dtype=torch.float64)
    torch.testing.assert_close(unflip_y(flip_y(points, 120, name), 120, name), points)


def test_the_two_tddfa_flips_differ_by_one_pixel():
    points = torch.randn(4, 3)
    torch.testing.assert_close(flip_y(points, 120, "3ddfa") - flip_y(points, 120, "3ddfa_v2"), torch.ones(4, 3))


def test_gradient_and_input_untouched():
    points = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    before = points.detach().clone()
    assert torch.autograd.gradcheck(lambda v: flip_y(v, 120, "3ddfa_v2"), points)
    assert torch.equal(points, before)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="flip_y: name must be one of 3ddfa, 3ddfa_v2, face3d, got 'opencv'"):
        flip_y(torch.zeros(1, 3), 120, "opencv")
    with pytest.raises(ValueError, match="unflip_y: vertices must be"):
        unflip_y(torch.zeros(1, 4), 120)
