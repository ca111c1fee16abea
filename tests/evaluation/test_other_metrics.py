import math

import numpy as np
import pytest
import torch

from pyface3d import MorphableModel
from pyface3d.camera import decompose_pose, pose_from_para, pose_to_angles, turn_of_face
from pyface3d.data.schemes import mirror_permutation
from pyface3d.evaluation.attributes import AttributeAccuracy, logits_of
from pyface3d.evaluation.bootstrap import bootstrap_intervals
from pyface3d.evaluation.curves import area_under_curve, draw_curves, error_curve, failure_rate
from pyface3d.evaluation.head_pose import TO_BASEL, HeadPoseError
from pyface3d.evaluation.representation import LinearProbe, draw_representation


def pose_of(*degrees):
    return pose_from_para(
        torch.tensor([[*(math.radians(d) for d in degrees), 1.0, 2.0, 3.0, 1e-3]], dtype=torch.float64)
    )


def test_head_pose_by_hand():
    metric = HeadPoseError()
    metric.update(pose_of(10, 20, 30), torch.tensor([[11.0, 17.0, 30.0]]))
    figures = metric.compute()
    assert [figures[f"{name}_mae"] for name in ("pitch", "yaw", "roll")] == pytest.approx([1, 3, 0], abs=1e-9)
    assert figures["mae"] == pytest.approx(4 / 3)


def test_head_pose_leaves_out_extreme_images():
    metric = HeadPoseError()
    metric.update(torch.cat([pose_of(0, 0, 0), pose_of(0, 5, 0)]), torch.tensor([[0.0, 0, 100], [0, 0, 0]]))
    figures = metric.compute()
    assert figures["yaw_mae"] == pytest.approx(5) and figures["images"] == 1 and figures["skipped"] == 1


def test_head_pose_conventions_differ_off_the_axes():
    truth = torch.tensor([[-11.459, 40.107, 17.189]])  # (-0.2, 0.7, 0.3) radians
    exact, legacy = HeadPoseError(), HeadPoseError("3ddfa")
    for metric in (exact, legacy):
        metric.update(pose_of(*truth[0].tolist()), truth)
    assert exact.compute()["mae"] == pytest.approx(0, abs=1e-6)
    assert legacy.compute()["yaw_mae"] == pytest.approx(math.degrees(0.7 - 0.576), abs=0.05)
    with pytest.raises(ValueError, match="convention"):
        HeadPoseError("euler")


def test_attribute_accuracy_by_hand():
    metric = AttributeAccuracy(["Bald", "Male"], positive_weights=[math.e**2, 1.0])
    logits = torch.tensor([[3.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    target = torch.tensor([[1, 1], [0, 0], [0, -1], [1, 0]])
    metric.update(logits[:2], target[:2])
    metric.update(logits[2:], target[2:])
    figures = metric.compute()
    assert figures["accuracy/Bald"] == 75 and figures["balanced/Bald"] == 75  # tpr 2/2, tnr 1/2
    assert figures["corrected/Bald"] == 75  # threshold 2: loses one positive, wins one negative
    assert figures["accuracy/Male"] == pytest.approx(200 / 3)  # the unknown one does not count
    assert figures["balanced/Male"] == 75
    assert figures["accuracy"] == pytest.approx((75 + 200 / 3) / 2) and figures["images"] == 4


def test_prior_correction_moves_the_threshold():
    metric = AttributeAccuracy(["Bald"], positive_weights=[20.0])
    metric.update(torch.tensor([[2.0], [4.0]]), torch.tensor([[0], [1]]))
    figures = metric.compute()
    assert figures["accuracy"] == 50 and figures["corrected"] == 100  # ln 20 = 2.996


def test_unseen_attribute_does_not_spoil_the_mean():
    metric = AttributeAccuracy(["Bald", "Male"])
    metric.update(torch.tensor([[1.0, 1.0]]), torch.tensor([[1, -1]]))
    assert metric.compute()["accuracy"] == 100


def test_logits_of_probabilities():
    assert logits_of(torch.tensor([0.5, 0.0, 1.0])).isfinite().all()
    torch.testing.assert_close(logits_of(torch.tensor([0.9])).sigmoid(), torch.tensor([0.9]))


def test_linear_probe_reads_what_is_there(tmp_path):
    pytest.importorskip("sklearn")
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 2, (400, 2), generator=generator)
    features = torch.randn(400, 6, generator=generator)
    features[:, 3] += 6 * target[:, 0]
    metric = LinearProbe(["there", "absent"])
    metric.update(features[:100], target[:100])
    metric.update(features[100:], target[100:])
    figures = metric.compute()
    assert figures["accuracy/there"] > 97 and 35 < figures["accuracy/absent"] < 65
    assert 40 < figures["majority/there"] < 60 and figures["attributes"] == 2
    points = draw_representation(features[:60], target[:60, 0], tmp_path / "pca.png", method="pca")
    assert points.shape == (60, 2) and (tmp_path / "pca.png").stat().st_size > 1000
    assert np.corrcoef(points[:, 0], target[:60, 0])[0, 1] ** 2 > 0.8
    draw_representation(features[:60], target[:60, 0], tmp_path / "tsne.png")
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ValueError, match="'tsne' or 'pca'"):
        draw_representation(features, target[:, 0], tmp_path / "x.png", method="umap")


def test_curve_area_and_failures_by_hand():
    errors = [1.0, 2.0, 4.0, float("nan")]
    bounds, share = error_curve(errors, 4.0, points=5)
    assert bounds.tolist() == [0, 1, 2, 3, 4] and share.tolist() == [0, 0.25, 0.5, 0.5, 0.75]
    assert area_under_curve(errors, 4.0) == pytest.approx(100 * (0.75 + 0.5) / 4)
    assert failure_rate(errors, 3.0) == 50
    fine_bounds, fine = error_curve(errors, 4.0, points=100001)
    assert area_under_curve(errors, 4.0) == pytest.approx(100 * np.trapezoid(fine, fine_bounds) / 4, abs=1e-2)


def test_curves_are_drawn(tmp_path):
    draw_curves({"ours": [1.0, 2.0], "mean face": [3.0, 9.0]}, tmp_path / "ced.png", 8.0)
    assert (tmp_path / "ced.png").read_bytes()[:4] == b"\x89PNG" and len(list(tmp_path.iterdir())) == 1


def test_bootstrap_covers_and_repeats():
    generator = torch.Generator().manual_seed(0)
    errors = torch.rand(900, generator=generator).double() + torch.tensor([2.0, 3.0, 5.0]).repeat_interleave(300)
    yaws = torch.tensor([0.0, 45.0, 80.0]).repeat_interleave(300)
    intervals = bootstrap_intervals(errors, yaws, draws=300)
    assert intervals == bootstrap_intervals(errors, yaws, draws=300)
    for name, mean in (("[0,30]", 2.5), ("(60,90]", 5.5), ("mean", 23 / 6), ("per_image_mean", 23 / 6)):
        low, high = intervals[name]
        assert low < mean < high and high - low < 0.15
    # width of a mean over n images of a uniform: 2 * 1.96 * sqrt(1/12) / sqrt(n)
    low, high = intervals["[0,30]"]
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(1 / 12 / 300), rel=0.25)


def test_bootstrap_of_nothing_and_without_yaw():
    assert bootstrap_intervals(torch.tensor([float("nan")])) == {}
    assert list(bootstrap_intervals(torch.tensor([1.0, 2.0]), draws=10)) == ["per_image_mean"]


def test_a_deeper_face_is_turned_less_in_the_same_picture():
    """A box that is a quarter deeper: its front and side keep their drawn widths' ratio where it is turned less."""
    shape = torch.diag(torch.tensor([1.0, 1.0, 1.25], dtype=torch.float64))
    deep = turn_of_face(pose_of(0, 40, 0), shape)
    assert torch.allclose(deep @ deep.mT, torch.eye(3, dtype=torch.float64))
    yaw = math.degrees(pose_to_angles(deep)[0, 1])
    assert math.tan(math.radians(yaw)) == pytest.approx(math.tan(math.radians(40)) / 1.25)
    own = decompose_pose(pose_of(7, 40, -9))[1]
    assert torch.allclose(turn_of_face(pose_of(7, 40, -9), torch.eye(3)), own)


def test_the_basel_face_is_measured_against_the_embedded_one(data_folder):
    """The constants are those of both mean faces' landmarks."""
    theirs = torch.from_numpy(np.load(data_folder / "tddfa" / "keypoint_basis.npz")["u"]).double().view(68, 3)
    model = MorphableModel.default()
    ours = model.landmarks68(torch.zeros(1, model.n_identity + model.n_expression))[0].double()
    mirrored = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    pairs = []
    for points in (ours, theirs):
        about = points - points.mean(0)
        pairs.append((about + about[mirror_permutation(68)] * mirrored) / 2)
    found = torch.linalg.lstsq(*pairs).solution.T
    assert torch.allclose(found / torch.linalg.det(found) ** (1 / 3), torch.tensor(TO_BASEL).double(), atol=1e-3)
