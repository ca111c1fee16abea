"""From sets and files through ``evaluate`` to figures."""

import numpy as np
import pytest
import torch
from PIL import Image

from pyface3d.camera import crop_to_image
from pyface3d.evaluation import create_protocol, evaluate, list_protocols


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
    larger = oracle_type(face_model, coeffs, torch.cat([2 * pose[..., :3], 2 * pose[..., 3:]], -1), size=240, shift=4.0)
    # pixel x of the crop is 2 x + 0.5 of the larger one, as centers are whole numbers; 239 - y = 2 (119 - y') + 0.5
    larger.pose_ = larger.pose_ + torch.tensor([[0, 0, 0, 0.5], [0, 0, 0, 0.5], [0, 0, 0, 0]])
    doubled = evaluate(larger, "aflw2000-3d/2d-68", samples, draws=0)
    assert in_twos.figures == loaded.figures == once.figures
    assert doubled.figures["mean"] == pytest.approx(once.figures["mean"], rel=1e-4)
    assert evaluate(oracle(), "aflw2000-3d/2d-68", samples, max_images=2, draws=0).figures["images"] == 2


def test_real_benchmark_gives_the_published_figures(data_folder, keypoint_model, oracle_type):
    """mb05's parameters through the whole chain: files, protocol, report."""
    params = torch.from_numpy(np.load(data_folder / "aflw2000" / "dev.npz")["mb05_params"])
    for labels, mean in (("original", 3.793), ("reannotated", 3.025)):
        mb05 = oracle_type(keypoint_model, params[:, 12:], params[:, :12].unflatten(1, (3, 4)), flip="3ddfa_v2")
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


def test_mat_files_open(data_folder):
    samples = create_protocol("head-pose").open(data_folder / "300wlp" / "samples")
    assert len(samples) == 5 and samples[0]["params"].shape == (62,)


def test_unreadable_images_are_named_and_do_not_count(oracle, portraits, tmp_path):
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
