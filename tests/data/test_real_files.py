"""The readers on the real files of the data folder."""

import numpy as np
import pytest

from pyface3d import ParameterSpace
from pyface3d.camera import flip_y
from pyface3d.data import CroppedFaces, LandmarkFaces, MatFaces, UnreadableError, check, collate


def test_parameters_of_aflw2000_reproduce_its_landmarks(data_folder, keypoint_model):
    # 1.66 px mean over all 2000 images with 40 + 10 of the 199 + 29 modes
    faces = MatFaces(data_folder / "aflw2000/dev_full450.zip", ParameterSpace(n_identity=40, n_expression=10))
    assert len(faces) == 1000
    errors = []
    for index in range(0, 1000, 10):
        sample = faces.load(index)
        pose, coeffs = faces.space.split(sample["params"][None])
        decoded = flip_y(keypoint_model.synthesize(coeffs, pose), 120)[0]
        scale = (sample["box"][2] - sample["box"][0]) / 120
        errors.append(float((decoded - sample["landmarks"])[:, :2].norm(dim=1).mean() * scale))
    assert np.mean(errors) < 1.7 and np.max(errors) < 6


def test_the_label_with_a_negative_scale_is_refused(data_folder):
    faces = MatFaces(data_folder / "aflw2000/dev_full450.zip")
    if "image04157" in faces.names:
        with pytest.raises(UnreadableError, match="scale of the pose"):
            faces.load(faces.names.index("image04157"))


def test_crops_of_300wlp_and_their_flips_mirror_each_other(data_folder):
    straight, flipped = (MatFaces(data_folder / "300wlp" / part) for part in ("samples", "flip"))
    name = "AFW_134212_1_0"
    a, b = (faces.load(faces.names.index(name)) for faces in (straight, flipped))
    mirrored = 119 - a["landmarks"][:, 0]
    order = b["landmarks"][[16, 8, 0, 45, 36, 54, 48], 0], mirrored[[0, 8, 16, 36, 45, 48, 54]]
    assert (order[0] - order[1]).abs().max() < 1.5


@pytest.mark.parametrize("part, count", [("train", 8482), ("test", None)])
def test_aflw_crops(data_folder, part, count):
    faces = CroppedFaces(data_folder / f"aflw/{part}.npz", data_folder / f"aflw/{part}_crops120.zip")
    assert count is None or len(faces) == count
    batch = collate([faces[index] for index in range(0, len(faces), len(faces) // 20)])
    assert batch["image"].shape[1:] == (3, 120, 120) and batch["landmarks"].shape[1:] == (21, 2)
    seen = batch["landmarks"][batch["visible"]]
    assert seen.min() > -5 and seen.max() < 125 and 0.5 < batch["visible"].float().mean() < 1


def test_the_published_crops_of_aflw2000_agree_with_the_labels(data_folder):
    table, images = data_folder / "aflw2000/dev.npz", data_folder / "aflw2000/dev_crops120.zip"
    crops = CroppedFaces(table, images, points="pts68", params="mb05_params")
    cut = MatFaces(data_folder / "aflw2000/dev_full450.zip")
    index = crops.names.index("image00010")
    a, b = crops[index], cut[cut.names.index("image00010")]
    assert (a["landmarks"][:, :2] - b["landmarks"][:, :2]).abs().max() < 1.0  # boxes rounded differently
    assert (a["image"].float() - b["image"].float()).abs().mean() < 12
    assert a["params"].shape == (62,)


@pytest.mark.parametrize(
    "name, count", [("300w", 68), ("300wlp", 68), ("aflw", 19), ("cofw", 29), ("lapa", 106), ("wflw", 98)]
)
def test_landmark_files(data_folder, name, count):
    faces = LandmarkFaces(data_folder / "landmark_samples" / name)
    sample = faces[0]
    assert sample["landmarks"].shape == (count, 2) and len(faces) >= 2
    seen = sample["landmarks"][sample["visible"]]
    assert seen.min() > -1 and seen.max() < 121 and not faces.verify().refused
    if count in (98, 106):
        points = LandmarkFaces(data_folder / "landmark_samples" / name, landmarks=68)[0]["landmarks"]
        jaw, brows, mouth = points[:17], points[17:27], points[48:]
        assert (jaw[8, 1] > mouth[:, 1]).all() and (brows[:, 1].mean() < points[36:48, 1].mean())
        assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0]


def test_check_reads_every_sample(data_folder):
    report = check(data_folder / "300wlp/samples")
    assert report.ok and report.kinds == {"images with .mat labels": 5}
    assert check(data_folder / "aflw", read=False).kinds == {
        "crops with points, test": len(np.load(data_folder / "aflw/test.npz")["names"]),
        "crops with points, train": 8482,
    }
