"""Published figures come out again from real files: 3DDFA_V2's mb05 on 1000 images of AFLW2000-3D."""

import numpy as np
import pytest
import torch

from pyface3d.camera import ParameterSpace, crop_to_image, flip_y, roi_from_landmarks
from pyface3d.evaluation import LandmarkError
from pyface3d.ops import synthesize_shape


@pytest.fixture(scope="module")
def dev(data_folder):
    return np.load(data_folder / "aflw2000" / "dev.npz")


@pytest.fixture(scope="module")
def mb05_in_crop(dev, data_folder):
    """(1000, 68, 3) landmarks of the prediction, in pixels of the crop."""
    table = np.load(data_folder / "tddfa" / "keypoint_basis.npz")
    mean = torch.from_numpy(table["u"]).reshape(68, 3)
    basis = torch.from_numpy(np.hstack([table["w_shp"], table["w_exp"]])).reshape(68, 3, 50)
    space = ParameterSpace(table["param_mean_v2"], table["param_std_v2"], flip="3ddfa_v2")
    pose, coeffs = space.split(torch.from_numpy(dev["mb05_params"]))
    return flip_y(synthesize_shape(mean, basis, coeffs, pose), 120, space.flip)


def figures(dev, in_crop, labels="pts68", yaw="yaw_fitted", legacy_roi=True):
    roi = torch.from_numpy(dev["roi_box"])
    if not legacy_roi:
        roi = roi_from_landmarks(torch.from_numpy(dev["pts68"]).mT, rounding="matlab")
    target = torch.from_numpy(dev[labels]).mT
    metric = LandmarkError()
    metric.update(crop_to_image(in_crop, roi)[..., :2], target[..., :2], torch.from_numpy(dev[yaw]))
    return metric.compute()


def test_original_labels(dev, mb05_in_crop):
    found = figures(dev, mb05_in_crop)
    assert [found["[0,30]"], found["(30,60]"], found["(60,90]"]] == pytest.approx([2.943, 3.522, 4.914], abs=0.002)
    assert found["mean"] == pytest.approx(3.793, abs=0.002)
    assert found["images"] == 1000


def test_reannotated_labels(dev, mb05_in_crop):
    found = figures(dev, mb05_in_crop, "pts68_reannotated")
    assert [found["[0,30]"], found["(30,60]"], found["(60,90]"]] == pytest.approx([2.183, 2.734, 4.157], abs=0.002)
    assert found["mean"] == pytest.approx(3.025, abs=0.002)


def test_label_yaw_and_whole_boxes_change_the_figures(dev, mb05_in_crop):
    published = figures(dev, mb05_in_crop)["mean"]
    assert abs(figures(dev, mb05_in_crop, yaw="yaw_label")["mean"] - published) > 0.05
    assert figures(dev, mb05_in_crop, legacy_roi=False)["mean"] < published - 0.01  # 30 boxes were clipped to the image
