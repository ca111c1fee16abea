import json
import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console
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


class Endless:
    """A data set whose indices go round, as rendered portraits never end."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index % len(self.samples)]


def test_batches_loaders_and_resizing_do_not_matter(oracle, oracle_type, portraits, face_model):
    coeffs, pose, samples = portraits
    once = evaluate(oracle(shift=2.0), "aflw2000-3d/2d-68", samples, draws=0)
    in_twos = evaluate(oracle(shift=2.0), "aflw2000-3d/2d-68", samples, batch_size=2, draws=0)
    loader = torch.utils.data.DataLoader(samples, batch_size=4)
    loaded = evaluate(oracle(shift=2.0), "aflw2000-3d/2d-68", loader, draws=0)
    assert evaluate(oracle(shift=2.0), "aflw2000-3d/2d-68", Endless(samples), draws=0).figures == once.figures
    larger = oracle_type(
        face_model, coeffs, torch.cat([2 * pose[..., :3], 2 * pose[..., 3:]], -1), size=240, shift=4.0
    )
    larger.pose_ = larger.pose_ + torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1.0], [0, 0, 0, 0]])  # 239 - y = 2 (119 - y')
    larger.images = type("Format", (), {"size": 240})
    doubled = evaluate(larger, "aflw2000-3d/2d-68", samples, draws=0)
    assert in_twos.figures == loaded.figures == once.figures
    assert doubled.figures["mean"] == pytest.approx(once.figures["mean"], rel=1e-4)
    assert evaluate(oracle(), "aflw2000-3d/2d-68", samples, max_images=2, draws=0).figures["images"] == 2


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
    pose = pose_to_crop(
        pose_to_image(pose[:1], torch.tensor([[-20.0, 40.0, 220.0, 280.0]]), 120, 450), whole, 120, 450
    )
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


def test_report_files(oracle, portraits, tmp_path):
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], name="ours & more", worst=4, draws=50)
    written = {path.name for path in report.save(tmp_path / "new")}
    assert written == {"report.json", "table.csv", "table.tex", "images.csv", "ced.png", "worst.png"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == written
    saved = json.loads((tmp_path / "new" / "report.json").read_text())
    assert saved["figures"]["mean"] == report.figures["mean"] and saved["settings"]["legacy_roi"] is True
    assert any(row["method"] == "MARN" and row["mean"] == 3.757 for row in saved["published"])
    table = (tmp_path / "new" / "table.csv").read_text().splitlines()
    assert table[0].startswith("Method,Source,") and f"{report.figures['mean']:.3f}" in table[-2]
    assert r"\textbf{ours \& more}" in (tmp_path / "new" / "table.tex").read_text()
    images = (tmp_path / "new" / "images.csv").read_text().splitlines()
    assert len(images) == 7 and images[3].startswith("2,face 2,45.0,")
    assert [thumbnail.error for thumbnail in report.worst] == sorted(
        report.per_image["errors"].tolist(), reverse=True
    )[:4]
    with Image.open(tmp_path / "new" / "worst.png") as sheet:
        assert sheet.size == (5 * 160, 174)
    low, high = report.intervals["mean"]
    assert low <= report.figures["mean"] <= high


def test_printed_table(oracle, portraits):
    console = Console(width=140, record=True)
    report = evaluate(oracle(shift=3.0), "aflw2000-3d/2d-68", portraits[2], draws=50)
    report.print(console)
    text = console.export_text()
    for expected in (
        "[0,30]",
        "Mobile-FRNet",
        "3.832",
        "this run",
        f"{report.figures['mean']:.3f}",
        "95 % interval",
        "AUC",
    ):
        assert expected in text


def test_real_benchmark_gives_the_published_figures(data_folder, oracle_type):
    """mb05's parameters through the whole chain: files, protocol, report."""
    import numpy as np

    from pyface3d import MorphableModel

    table = np.load(data_folder / "tddfa" / "keypoint_basis.npz")
    params = torch.from_numpy(np.load(data_folder / "aflw2000" / "dev.npz")["mb05_params"])
    basis = table["w_shp"].reshape(68, 3, 40), table["w_exp"].reshape(68, 3, 10)
    model = MorphableModel(table["u"].reshape(68, 3), *basis, torch.zeros(0, 3).long(), landmarks=torch.arange(68))
    for labels, mean in (("original", 3.793), ("reannotated", 3.025)):
        mb05 = oracle_type(model, params[:, 12:], params[:, :12].unflatten(1, (3, 4)), flip="3ddfa_v2")
        report = evaluate(mb05, "aflw2000-3d/2d-68", data_folder / "aflw2000", labels=labels, draws=200)
        assert report.figures["mean"] == pytest.approx(mean, abs=0.002)
        assert report.intervals["mean"][0] < mean < report.intervals["mean"][1]
        assert len(report.worst) == 20 and report.names[0] == "image00002"


def test_aflw_files_open(data_folder):
    samples = create_protocol("aflw/21").open(data_folder / "aflw")
    sample = samples[0]
    assert len(samples) == 556 and sample["landmarks"].shape == (21, 2) and not sample["visible"].all()
    seen = sample["landmarks"][sample["visible"]]
    assert ((seen > -20) & (seen < 140)).all()


def test_unreadable_images_are_named_and_do_not_count(oracle, portraits, tmp_path):
    import numpy as np

    (tmp_path / "faces_crops120").mkdir()
    landmarks = torch.stack([sample["landmarks"] for sample in portraits[2]])
    boxes = torch.stack([sample["box"] for sample in portraits[2]])
    for i in range(6):
        picture = Image.new("RGB", (120, 120))
        picture.save(tmp_path / "faces_crops120" / f"{i}.png")
    (tmp_path / "faces_crops120" / "5.png").write_bytes(b"no image")
    (tmp_path / "faces_crops120" / "4.png").unlink()
    np.savez(
        tmp_path / "faces.npz",
        names=np.array([str(i) for i in range(6)]),
        pts68=crop_to_image(landmarks, boxes).mT.numpy(),
        roi_box=boxes.numpy(),
        yaw_fitted=np.array([float(sample["yaw"]) for sample in portraits[2]]),
    )
    report = evaluate(oracle(), "aflw2000-3d/2d-68", tmp_path, draws=0)
    assert report.figures["images"] == 4 and report.figures["per_image_mean"] < 1e-3
    assert report.refused.keys() == {"4", "5"} and report.refused["4"] == "missing file"


def test_mat_files_open(data_folder):
    samples = create_protocol("head-pose").open(data_folder / "300wlp" / "samples")
    assert len(samples) == 5 and samples[0]["params"].shape == (62,)


def test_papers_figures_of_other_columns(oracle, portraits):
    method = oracle(attributes=torch.full((6, 1), 0.9))
    method.attribute_names = ("Male",)
    samples = [{**sample, "attributes": torch.ones(1)} for sample in portraits[2]]
    rows = evaluate(method, "celeba/accuracy", samples).rows()
    assert ["MOON", "MOON", "90.940", "-", "-"] in rows and rows[-1][:3] == ["oracle", "this run", "100.000"]


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


def test_errors(oracle, portraits, tmp_path):
    with pytest.raises(ValueError, match="name must be one of aflw/21, aflw2000-3d/2d-68"):
        evaluate(oracle(), "aflw2000", portraits[2])
    with pytest.raises(ValueError, match="aflw/21 does not take these options"):
        evaluate(oracle(), "aflw/21", portraits[2], labels="reannotated")
    with pytest.raises(ValueError, match="labels must be 'original' or 'reannotated'"):
        evaluate(oracle(), "aflw2000-3d/2d-68", portraits[2], labels="new")
    with pytest.raises(ValueError, match="the samples must have 'reannotated', got box, image"):
        evaluate(oracle(), "aflw2000-3d/2d-68", portraits[2], labels="reannotated")
    with pytest.raises(ValueError, match="predicts no attributes|attribute_names"):
        evaluate(oracle(), "celeba/accuracy", portraits[2])
    with pytest.raises(FileNotFoundError, match="no labels of 68 points"):
        evaluate(oracle(), "aflw2000-3d/2d-68", tmp_path)
    assert len(list_protocols()) == 15
