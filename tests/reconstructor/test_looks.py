import numpy as np
import pytest
import torch

from pyface3d import camera
from pyface3d.images import Photo
from pyface3d.methods import create_method
from pyface3d.reconstructor.looks import Looks


@pytest.fixture(scope="module")
def looks():
    return Looks(create_method("compact").eval(), torch.device("cpu"))


def test_crops_are_those_of_the_camera_up_to_rounding(looks):
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (90, 160, 3), np.uint8)
    photo = Photo(pixels, "noise", 160, 90)
    centers, sides = draw.uniform((-20, -20), (180, 110), (40, 2)), draw.uniform(3, 200, (40, 1))
    rois = np.concatenate([centers - sides / 2, centers + sides / 2], 1).astype(np.float32)
    expected = camera.crop(torch.from_numpy(pixels).permute(2, 0, 1), torch.from_numpy(rois), 120).int()
    for k in range(40):
        got = looks.cut(photo, rois[k : k + 1])
        assert got.shape == (1, 3, 120, 120) and got.dtype == torch.uint8 and got.is_contiguous()
        apart = (got[0].int() - expected[k]).abs()
        assert apart.max() <= 1 and (apart > 0).float().mean() < 0.01, k
    assert torch.equal(looks.cut(photo, rois[:3])[2], looks.cut(photo, rois[2:3])[0])


@pytest.mark.parametrize("roi", [(10, 10, 10, 40), (0, 0, float("nan"), 9)])
def test_boxes_that_are_none_are_refused(looks, roi):
    with pytest.raises(ValueError, match="roi must be finite"):
        looks.cut(Photo(np.zeros((20, 20, 3), np.uint8), "black", 20, 20), np.array([roi], np.float32))
