"""What the protocols measure, on faces whose errors are known."""

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torchmetrics import Metric

from pyface3d.camera import (
    angles_to_rotation,
    compose_pose,
    crop_to_image,
    image_to_crop,
    pose_to_angles,
    pose_to_crop,
    pose_to_image,
    roi_from_landmarks,
)
from pyface3d.evaluation import PUBLISHED, box_size, create_protocol, evaluate, list_protocols
from pyface3d.evaluation.protocols.base import resized
from pyface3d.landmarks import aflw21_from_68

SURFACE = ["aflw2000-3d/dense-2d", "dense-3d", "reconstruction/icp-bbox", "reconstruction/procrustes"]


@pytest.mark.parametrize("protocol", ["aflw2000-3d/2d-68", "aflw2000-3d/3d-68", "head-pose", *SURFACE])
def test_the_truth_scores_zero(oracle, portraits, protocol):
    report = evaluate(oracle(), protocol, portraits[2], draws=0)
    assert report.figures["per_image_mean"] == pytest.approx(0, abs=2e-3)
    assert report.figures["images"] == 6 and report.method == "oracle"


@pytest.mark.parametrize("protocol", ["aflw2000-3d/2d-68", "aflw2000-3d/3d-68", "aflw2000-3d/dense-2d", "dense-3d"])
def test_a_shift_scores_its_length(oracle, portraits, protocol):
    landmarks = torch.stack([sample["landmarks"] for sample in portraits[2]])
    expected = (100 * 3.0 / box_size(landmarks)).double()  # both shift and box double in the image
    report = evaluate(oracle(shift=3.0), protocol, portraits[2], draws=0)
    torch.testing.assert_close(report.per_image["errors"], expected, rtol=1e-4, atol=0)
    pairs = expected.view(3, 2).mean(1)
    assert report.figures["mean"] == pytest.approx(pairs.mean().item(), rel=1e-4)


def test_rigid_alignment_forgives_the_shift(oracle, portraits):
    for protocol in SURFACE[2:]:
        assert evaluate(oracle(shift=3.0), protocol, portraits[2], draws=0).figures["per_image_mean"] < 0.05


def test_reannotated_labels_and_label_yaw(oracle, portraits):
    samples = [
        {**s, "reannotated": s["landmarks"][:, :2] + torch.tensor([0.0, 5.0]), "yaw_label": torch.tensor(0.0)}
        for s in portraits[2]
    ]
    report = evaluate(oracle(), "aflw2000-3d/2d-68", samples, labels="reannotated", yaw="label", draws=0)
    assert report.figures["[0,30]"] > 3 and math.isnan(report.figures["(60,90]"])
    assert report.published == ()  # the papers' rows are for the original labels


def test_clipped_boxes(portraits, face_model, oracle_type):
    # the published box of a crop that hangs over the border is narrower than the crop: the legacy mapping squeezes
    coeffs, pose, samples = portraits
    in_image = crop_to_image(samples[0]["landmarks"][None], torch.tensor([[-20.0, 40.0, 220.0, 280.0]]))
    whole = roi_from_landmarks(in_image, rounding="matlab")
    clipped = whole.clamp(min=1)
    pose = pose_to_crop(pose_to_image(pose[:1], torch.tensor([[-20.0, 40.0, 220.0, 280.0]]), 120, 450), whole, 120, 450)
    sample = {**samples[0], "landmarks": image_to_crop(in_image, clipped)[0], "box": clipped[0]}
    figures = {
        legacy: evaluate(
            oracle_type(face_model, coeffs, pose), "aflw2000-3d/2d-68", [sample], legacy_roi=legacy, draws=0
        ).figures["per_image_mean"]
        for legacy in (True, False)
    }
    assert whole[0, 0] == -2 and figures[True] > 1 and figures[False] < 1e-3


def test_21_points(oracle, portraits):
    samples = []
    for sample in portraits[2]:
        points = aflw21_from_68(sample["landmarks"])[:, :2].clone()
        points[3] = -50.0
        visible = torch.arange(21) != 3
        samples.append({**sample, "landmarks": points, "visible": visible})
    report = evaluate(oracle(shift=3.0), "aflw/21", samples, draws=0)
    side = 120 / math.sqrt(2)
    assert report.figures["per_image_mean"] == pytest.approx(100 * 3 / side, rel=1e-4)
    framed = [{**new, "frame68": old["landmarks"]} for new, old in zip(samples, portraits[2])]
    expected = (300 / box_size(torch.stack([s["frame68"] for s in framed]))).mean().item()
    assert evaluate(oracle(shift=3.0), "aflw/21", framed, draws=0).figures["per_image_mean"] == pytest.approx(
        expected, rel=1e-4
    )


def test_head_pose_in_degrees(oracle, portraits):
    method = oracle()
    angles = pose_to_angles(method.pose_) + torch.deg2rad(torch.tensor([1.0, 2.0, 3.0]))
    method.pose_ = compose_pose(torch.full((6,), 4.5), angles_to_rotation(angles), method.pose_[..., 3])
    figures = evaluate(method, "head-pose", portraits[2], draws=0).figures
    assert [figures[f"{name}_mae"] for name in ("pitch", "yaw", "roll")] == pytest.approx([1, 2, 3], abs=1e-3)


def test_attributes(oracle, portraits):
    method = oracle(attributes=torch.tensor([[0.9, 0.4]]).repeat(6, 1))
    method.attribute_names, method.pos_weight = ("Male", "Bald"), torch.tensor([1.0, 0.1])
    target = torch.tensor([[1, 1]]).repeat(6, 1)
    target[:2, 0] = 0
    figures = evaluate(
        method, "celeba/accuracy", [{**s, "attributes": t} for s, t in zip(portraits[2], target)]
    ).figures
    assert figures["accuracy/Male"] == pytest.approx(400 / 6) and figures["balanced/Male"] == 50
    assert figures["accuracy/Bald"] == 0 and figures["corrected/Bald"] == 100


def test_representation_and_speed(oracle, portraits):
    pytest.importorskip("sklearn")
    method = oracle()
    method.attribute_names = ("Bright",)
    method.preprocess = lambda images: images.float()
    method.features = lambda images: images.flatten(1)[:, :4]
    samples = [
        {"image": torch.full((3, 120, 120), 9 * i, dtype=torch.uint8), "attributes": torch.tensor([int(i > 13)])}
        for i in range(28)
    ]
    assert evaluate(method, "representation", samples).figures["accuracy/Bright"] > 90
    endless = oracle()
    endless.predict = lambda images: oracle().predict(images[:1])
    figures = evaluate(endless, "speed", batch_sizes=(1, 2), runs=3).figures
    assert figures["images_per_second_b2"] == pytest.approx(1e3 / figures["ms_per_image_b2"])


def test_a_chart_may_leave_vertices_out(oracle, portraits):
    class Charted(type(oracle())):
        def predict(self, images):
            faces = super().predict(images)
            ids = torch.arange(0, faces.model.n_vertices, 7)
            return ChartedFaces(faces, ids)

    @dataclass(frozen=True)
    class ChartedFaces:
        """A map's answer: every seventh vertex."""

        faces: Any
        ids: Any
        coeffs: Any = None
        crop_pose: Any = None
        params: Any = None
        position_map: Any = True
        roi: Any = None

        def __getattr__(self, name):
            return getattr(self.faces, name)

        @property
        def atlas(self):
            return type("Atlas", (), {"vertex_ids": self.ids})

        @property
        def vertices(self):
            if self.position_map is None:
                return replace(self.faces, coeffs=self.coeffs, crop_pose=self.crop_pose).vertices
            return self.faces.vertices[:, self.ids]

        @property
        def landmarks(self):
            return self.faces.landmarks

    report = evaluate(Charted(oracle().model, *portraits[:2]), "dense-3d", portraits[2], draws=0)
    assert report.figures["per_image_mean"] < 1e-3


def test_every_name_makes_a_metric(oracle, portraits):
    method = oracle()
    method.attribute_names = ("Male",)
    for name in list_protocols():
        protocol = create_protocol(name)
        assert protocol.title and protocol.columns and isinstance(protocol.metric(method), Metric)
    assert {row.protocol for row in PUBLISHED} <= set(list_protocols())


@pytest.mark.parametrize("size", [64, 256])
def test_a_crop_of_another_size_shows_the_same_places(size):
    """A bright pixel, its label and the place in the photo agree, whatever size the method wants."""
    image = torch.zeros(1, 3, 120, 120, dtype=torch.uint8)
    image[..., 60:64, 40:44] = 255  # centered on (41.5, 61.5)
    point, box = torch.tensor([[[41.5, 61.5]]]), torch.tensor([[10.0, 20.0, 250.0, 260.0]])
    batch = resized({"image": image, "landmarks": point, "box": box}, SimpleNamespace(size=size))
    weights = batch["image"][0, 0].double()
    axis = torch.arange(size, dtype=torch.float64)
    center = torch.stack([(weights.sum(0) * axis).sum(), (weights.sum(1) * axis).sum()]) / weights.sum()
    assert torch.allclose(center.float(), batch["landmarks"][0, 0], atol=0.02)
    before, after = crop_to_image(point, box, 120), crop_to_image(batch["landmarks"], batch["box"], size)
    assert torch.allclose(before, after, atol=1e-4)
