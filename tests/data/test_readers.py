"""Readers of crops, training lists, attributes and landmark files, on small sets; ``check`` on all of them."""

import pickle

import numpy as np
import pytest
import torch

from pyface3d import ParameterSpace
from pyface3d.camera import image_to_crop
from pyface3d.data import CelebA, CroppedFaces, LandmarkFaces, TrainAug, UnreadableError, check


def test_crops_with_points(aflw_folder):
    points = np.load(aflw_folder / "train.npz")["pts21"]
    faces = CroppedFaces(aflw_folder / "train.npz", aflw_folder / "train_crops")
    torch.testing.assert_close(faces[0]["landmarks"], torch.from_numpy(points[0].T - 10))
    torch.testing.assert_close(faces[1]["landmarks"][0], torch.from_numpy(points[1, :, 0] / 2))
    assert faces[1]["visible"].sum() == 20 and not faces[1]["visible"][4] and faces[1]["yaw"] == -50
    with pytest.raises(UnreadableError, match="an empty box"):
        faces.load(2)
    with pytest.raises(ValueError, match="lacks pts68; it has names, pts21, yaw, roi_box"):
        CroppedFaces(aflw_folder / "train.npz", aflw_folder / "train_crops", points="pts68")


def test_training_list_and_pickle(tmp_path, picture):
    for name in ("x_1.jpg", "x_2.jpg"):
        (tmp_path / name).write_bytes(picture((120, 120)))
    (tmp_path / "list.train").write_text("x_1.jpg\nx_2.jpg\n")
    rows = np.random.default_rng(0).normal(size=(2, 62)).astype(np.float32)
    (tmp_path / "params.pkl").write_bytes(pickle.dumps(rows))
    space = ParameterSpace(mean=torch.arange(62.0), std=torch.full((62,), 2.0), n_identity=40, n_expression=10)
    faces = TrainAug(tmp_path, tmp_path / "list.train", tmp_path / "params.pkl", space)
    torch.testing.assert_close(faces[1]["params"], torch.from_numpy(rows[1]) * 2 + torch.arange(62.0))
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'echo no'\ntR.")
    with pytest.raises(ValueError, match="system"):
        TrainAug(tmp_path, tmp_path / "list.train", tmp_path / "evil.pkl", space)
    (tmp_path / "list.train").write_text("x_1.jpg\n")
    with pytest.raises(ValueError, match=r"params must be \(1, 62\), got \(2, 62\)"):
        TrainAug(tmp_path, tmp_path / "list.train", tmp_path / "params.pkl", space)


def test_celeba_official_lists(celeba_folder):
    images, attributes = celeba_folder / "img_align_celeba", celeba_folder / "list_attr_celeba.txt"
    parts = {part: CelebA(images, attributes, part) for part in ("train", "val", "test", "all")}
    assert [p.names for p in parts.values()][:3] == [["000001.jpg"], ["162771.jpg"], ["182638.jpg"]]
    assert len(parts["all"]) == 3
    sample = parts["val"][0]
    assert sample["attributes"].dtype == torch.int8 and sample["attributes"].tolist() == [0, 1] * 20
    assert sample["image"].shape == (3, 120, 120) and sample["landmarks"].shape == (5, 2)
    eyes = sample["landmarks"][:2]
    assert abs(float(eyes[:, 0].mean()) - 60) < 2 and 30 < float(eyes[:, 1].mean()) < 55  # framed as 300W-LP's faces
    partition = celeba_folder / "list_eval_partition.txt"
    partition.write_text("000001.jpg 2\n162771.jpg 0\n182638.jpg 1\n")
    assert CelebA(images, attributes, "test", partition).names == ["000001.jpg"]
    partition.write_text("000001.jpg two\n")
    with pytest.raises(ValueError, match="line 1 of .* must be a name and 1 integers"):
        CelebA(images, attributes, "test", partition)


def test_landmark_files(tmp_path, picture):
    points = np.random.default_rng(0).uniform(10, 90, (68, 2)).astype(np.float32)
    w300 = tmp_path / "300w"
    w300.mkdir()
    (w300 / "a.jpg").write_bytes(picture((100, 100)))
    rows = "\n".join(f"{x + 1} {y + 1}" for x, y in points)
    (w300 / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    faces = LandmarkFaces(w300)
    expected = image_to_crop(torch.from_numpy(points)[None], faces[0]["box"][None], 120)[0]
    torch.testing.assert_close(faces[0]["landmarks"], expected, rtol=0, atol=1e-3)
    assert LandmarkFaces(w300, landmarks=21)[0]["landmarks"].shape == (21, 2)

    lapa = tmp_path / "lapa"
    (lapa / "images").mkdir(parents=True)
    (lapa / "landmarks").mkdir()
    (lapa / "images/b.jpg").write_bytes(picture((100, 100)))
    dense = np.random.default_rng(1).uniform(10, 90, (106, 2))
    (lapa / "landmarks/b.txt").write_text("106\n" + "\n".join(f"{x} {y}" for x, y in dense))
    assert LandmarkFaces(lapa)[0]["landmarks"].shape == (106, 2)
    assert LandmarkFaces(lapa, landmarks=68)[0]["landmarks"].shape == (68, 2)

    (tmp_path / "list.txt").write_text(" ".join(map(str, range(20, 216))) + " 0 0 9 9 0 0 0 0 0 0 x/a.jpg\n")
    wflw = LandmarkFaces(w300, tmp_path / "list.txt", landmarks=68)
    assert wflw.annotations[0].points[1].tolist() == [22, 23]
    (tmp_path / "list.txt").write_text("1 2 3 a.jpg\n")
    with pytest.raises(ValueError, match="line 1 of .* lacks WFLW's 207 fields"):
        LandmarkFaces(w300, tmp_path / "list.txt")
    with pytest.raises(ValueError, match="no way from 68 to 98"):
        LandmarkFaces(w300, landmarks=98)[0]


def test_check_says_what_a_folder_is(mat_folder, aflw_folder, celeba_folder, tmp_path):
    (mat_folder / "AFW/face_1.jpg").write_bytes(b"")
    (mat_folder / "AFW/lonely.mat").write_bytes(b"")
    report = check(mat_folder)
    assert report.kinds == {"images with .mat labels": 4} and not report.ok
    assert "AFW/face_1: unreadable image" in str(report) and "1 labels without an image (AFW/lonely.mat)" in str(report)
    assert check(aflw_folder).kinds == {"crops with points, train": 3}
    report = check(celeba_folder)
    assert report.kinds == {"CelebA, train": 1, "CelebA, val": 1, "CelebA, test": 1} and report.ok
    assert report.tests == ["CelebA, val", "CelebA, test"]
    (tmp_path / "empty").mkdir()
    report = check(tmp_path / "empty")
    assert not report.ok and "no faces" in str(report)
