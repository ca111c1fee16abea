import math

import pytest
import torch

from pyface3d.evaluation import align_depth, bin_of_yaw, box_size, normalized_mean_error, outer_interocular, summarize


def test_box_size_by_hand():
    points = torch.tensor([[[1.0, 2.0, 9.0], [5.0, 11.0, -9.0], [3.0, 3.0, 0.0]]])
    assert box_size(points).tolist() == [6.0]  # sqrt(4 * 9), depth plays no part
    assert box_size(points, torch.tensor([[True, False, True]])).item() == pytest.approx(math.sqrt(2))
    assert box_size(points, torch.zeros(1, 3, dtype=torch.bool)).isnan().all()


def test_nme_by_hand():
    target = torch.tensor([[[0.0, 0.0], [10.0, 0.0]]])
    predicted = target + torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
    size = torch.tensor([20.0])
    assert normalized_mean_error(predicted, target, size).tolist() == [15.0]  # 100 * (5 + 1) / 2 / 20
    assert normalized_mean_error(predicted, target, size, torch.tensor([[True, False]])).tolist() == [25.0]
    assert normalized_mean_error(predicted, target, size, torch.tensor([[False, False]])).isnan().all()


def test_hidden_points_may_hold_anything():
    target = torch.tensor([[[0.0, 0.0], [-1.0, float("nan")]]])
    error = normalized_mean_error(torch.ones(1, 2, 2), target, torch.ones(1), torch.tensor([[True, False]]))
    assert error.item() == pytest.approx(100 * math.sqrt(2))


def test_depth_alignment():
    points = torch.tensor([[[0.0, 0.0, 2.0], [0.0, 0.0, 6.0]]])
    assert align_depth(points, "min")[0, :, 2].tolist() == [0, 4]
    assert align_depth(points, "mean")[0, :, 2].tolist() == [-2, 2]
    assert align_depth(points, "none") is points
    with pytest.raises(ValueError, match="align_depth"):
        align_depth(points, "max")


def test_outer_interocular_takes_points_37_and_46():
    points = torch.zeros(1, 68, 3)
    points[0, 36] = torch.tensor([1.0, 2.0, 3.0])
    points[0, 45] = torch.tensor([3.0, 5.0, 9.0])
    assert outer_interocular(points).tolist() == [7.0]


def test_bins_and_their_borders():
    assert bin_of_yaw(torch.tensor([0.0, 30, -30, 30.01, -60, 60.01, -90, 351])).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    with pytest.raises(ValueError, match="NaN"):
        bin_of_yaw(torch.tensor([0.0, float("nan")]))


def test_mean_is_over_bins_not_images():
    figures = summarize(torch.tensor([1.0, 1, 1, 1, 4, 7]), torch.tensor([0.0, 1, 2, 3, 45, 75]))
    assert (figures["[0,30]"], figures["(30,60]"], figures["(60,90]"]) == (1, 4, 7)
    assert figures["mean"] == 4 and figures["std"] == pytest.approx(math.sqrt(6))
    assert figures["per_image_mean"] == 2.5 and figures["median"] == 1 and figures["images"] == 6


def test_empty_bin_and_skipped_image():
    figures = summarize(torch.tensor([2.0, float("nan"), 4.0]), torch.tensor([0.0, 5.0, 80.0]))
    assert math.isnan(figures["(30,60]"]) and figures["mean"] == 3 and figures["std"] == 1
    assert figures["images"] == 2 and figures["skipped"] == 1
    nothing = summarize(torch.empty(0), torch.empty(0))
    assert math.isnan(nothing["mean"]) and nothing["images"] == 0
