"""The contract of data sets: what a folder is, that sample i is sample i, and what is never trained on unasked."""

import json

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pyface3d.camera import ParameterSpace, flip_y
from pyface3d.data import (
    CroppedFaces,
    LabeledFaces,
    MatFaces,
    PointTable,
    Pool,
    Tolerant,
    UnreadableError,
    Without,
    check,
    collate,
    find_sets,
    open_sets,
    read_names,
    resized,
)
from pyface3d.data.labeled import label_faces
from pyface3d.methods import create_method
from pyface3d.training.job import make_method
from pyface3d.training.module import MethodModule
from pyface3d.training.sources import open_source


def test_a_sample_is_itself_or_an_error_that_names_it(aflw_folder):
    faces = CroppedFaces(aflw_folder / "train.npz", aflw_folder / "train_crops")
    assert [faces[i]["index"] for i in (0, 1, -2)] == [0, 1, 1] and faces[0]["set"] == "aflw/train.npz"
    with pytest.raises(UnreadableError, match="an empty box.*sample 2 of aflw/train.npz: c"):
        faces[2]
    with pytest.raises(UnreadableError, match="sample 2"):
        list(DataLoader(faces, 3, collate_fn=collate))
    tolerant = Tolerant(faces)
    assert tolerant[2]["name"] == "a" and tolerant.report().refused == {"c": "label out of range"}


def test_every_output_of_label_is_recognized(mat_folder, tmp_path, basel):
    space = ParameterSpace(n_identity=199, n_expression=29)
    label_faces(mat_folder, tmp_path / "lab", basel, space=space)
    assert check(tmp_path / "lab").kinds == {"label folder": 4}
    faces = open_sets(tmp_path / "lab", 60)["label folder"]
    assert faces[0]["image"].shape == (3, 60, 60) and faces.face_model == basel.hash() == faces[0]["face_model"]
    assert list(open_sets(tmp_path / "lab/labels.npz")) == ["label folder"]


def test_test_splits_are_taken_only_when_asked_for(aflw_folder):
    table, crops = aflw_folder / "train.npz", aflw_folder / "train_crops"
    (aflw_folder / "test.npz").write_bytes(table.read_bytes())
    (aflw_folder / "test_crops").symlink_to(crops)
    assert list(open_sets(aflw_folder)) == ["crops with points, train"]
    assert len(open_sets(aflw_folder, tests=True)) == 2
    assert list(open_sets(aflw_folder / "test.npz")) == ["crops with points, test"]
    table.unlink()
    with pytest.raises(ValueError, match="holds sets for testing alone .crops with points, test."):
        open_sets(aflw_folder)
    assert "for testing" in str(check(aflw_folder))


def test_a_file_that_is_no_set_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ValueError, match="notes.txt is neither a folder, a zip nor a file of a set"):
        find_sets(tmp_path / "notes.txt")


def test_a_report_is_no_keypoint_file(tmp_path, picture):
    (tmp_path / "report.json").write_text(json.dumps({"total": 1}))
    (tmp_path / "a.jpg").write_bytes(picture())
    assert find_sets(tmp_path) == []
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    content["annotations"] = [{"image_id": 1, "keypoints": [10, 10, 1, 50, 10, 1, 30, 50, 1]}]
    (tmp_path / "labels.json").write_text(json.dumps(content))
    assert check(tmp_path).kinds == {"COCO keypoints": 1}


def test_tables_of_points_beside_photos(tmp_path, picture):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(picture((100, 100)))
    points = np.random.default_rng(0).uniform(20, 80, (1, 478, 3)).astype(np.float16)
    np.savez(folder / "marks.npz", names=["a.jpg"], points=points)
    faces = open_sets(folder, 64)["photos with points, marks"]
    assert isinstance(faces, PointTable) and faces[0]["landmark_set"] == "mediapipe478"
    assert faces[0]["image"].shape == (3, 64, 64) and faces[0]["landmarks"].shape == (478, 3)


def test_a_resized_crop_shows_the_same_face(mat_folder):
    """Landmarks decoded from the parameters move as the landmarks do, in each frame."""
    from pyface3d import MorphableModel

    model = MorphableModel.default()
    for flip in ("face3d", "3ddfa"):
        space = ParameterSpace(n_identity=40, n_expression=10, flip=flip)
        sample = MatFaces(mat_folder, space)[0]
        large = resized(sample, 256, flip)
        decoded = []
        for one, size in ((sample, 120), (large, 256)):
            pose, coeffs = space.split(one["params"][None])
            decoded.append(flip_y(model.landmarks68(coeffs, pose), size, flip)[0])
        wanted = torch.cat([(decoded[0][:, :2] + 0.5) * 256 / 120 - 0.5, decoded[0][:, 2:] * 256 / 120], 1)
        torch.testing.assert_close(decoded[1], wanted, rtol=1e-4, atol=1e-2)
        torch.testing.assert_close((sample["landmarks"] + 0.5) * 256 / 120 - 0.5, large["landmarks"])


def test_a_pool_keeps_what_labels_belong_to_and_what_cannot_be_read(aflw_folder, tmp_path):
    faces = CroppedFaces(aflw_folder / "train.npz", aflw_folder / "train_crops")
    pool = Pool(tmp_path / "pool", faces)
    pool.fill()
    assert torch.equal(pool[1]["landmarks"], faces[1]["landmarks"])
    assert pool[1]["landmark_set"] == "aflw21" and pool[1]["name"] == "b" and pool[1]["index"] == 1
    with pytest.raises(UnreadableError, match="c, found when"):
        pool[2]


def test_weights_of_landmarks_are_kept(mat_folder, tmp_path):
    label_faces(mat_folder, tmp_path / "lab")
    with np.load(tmp_path / "lab/labels.npz") as tables:
        arrays = dict(tables)
    np.savez(tmp_path / "lab/labels.npz", **arrays, landmark_weights=np.full((4, 68), 3, np.float32))
    batch = collate([LabeledFaces(tmp_path / "lab")[0], {"image": torch.zeros(3, 120, 120, dtype=torch.uint8)}])
    assert batch["landmark_weights"].unique().tolist() == [0, 3] and batch["has_landmark_weights"].tolist() == [
        True,
        False,
    ]


EXPECTED = {  # folder of the data folder -> sets, with those for testing marked
    "300wlp": ["images with .mat labels"], "300wlp/samples": ["images with .mat labels"],
    "aflw": ["crops with points, test*", "crops with points, train"], "aflw/train.npz": ["crops with points, train"],
    "aflw2000": ["crops with points, dev*"], "aflw2000/dev_full450.zip": ["images with .mat labels*"],
    "aflw_more": ["crops with points, train"], "celeba": ["CelebA, train"],
    "deep3d": ["photos with landmark files"], "landmark_samples/300w": ["COCO keypoints*"],
    "landmark_samples/wflw": ["COCO keypoints*"], "portraits": ["photos with points, mediapipe478"],
    **{name: [] for name in ("detector", "eos", "ict", "mediapipe", "photos", "scan", "sfm", "tddfa",
       "teachers", "uv")},
}  # fmt: skip


@pytest.mark.parametrize("folder", EXPECTED)
def test_every_folder_of_the_data_folder_is_what_it_is(data_folder, folder):
    found = find_sets(data_folder / folder)
    assert [one.kind + "*" * one.test for one in found] == EXPECTED[folder]
    for one in found:
        faces = one.open(64)
        sample = faces[0] if folder != "300wlp" else Tolerant(faces)[0]
        assert sample["image"].shape == (3, 64, 64) and len(faces) > 0
        seen = sample["landmarks"][sample["visible"]] if "landmarks" in sample else torch.zeros(1)
        assert seen[..., :2].min() > -16 and seen[..., :2].max() < 80


@pytest.fixture(scope="module")
def learner():
    method = make_method("mobile_frnet")
    return MethodModule(method.train(), steps_per_epoch=1)


@pytest.mark.parametrize("folder", EXPECTED)
def test_training_learns_from_every_folder_or_says_why_not(data_folder, folder, learner):
    """A finite loss on two samples of each set that is no test set; else a sentence."""
    path, method = data_folder / folder, learner.method
    if all(kind.endswith("*") for kind in EXPECTED[folder]):
        with pytest.raises(ValueError, match="holds sets for testing alone|holds no set that is known"):
            open_source(str(path), method)
        return
    for faces in open_source(str(path), method):
        assert "test" not in faces.title
        samples = [Tolerant(faces)[row] for row in range(2)]
        assert all(sample.get("face_model", method.model.hash()) == method.model.hash() for sample in samples)
        loss, terms = learner.compute_loss(collate(samples))
        assert bool(loss.isfinite()) and 0 < float(loss.detach()) < 1e4, terms


@pytest.mark.parametrize("name", ["weight_mask", "position_map_small", "joint", "compact"])
def test_readers_cut_for_the_method(name, mat_folder, celeba_folder, tmp_path, basel):
    """Pictures, label folders and CelebA come in the side that the method wants, whatever they were written in."""
    method = create_method(name)
    label_faces(mat_folder, tmp_path / "lab", basel, space=ParameterSpace(n_identity=199, n_expression=29))
    for folder in (mat_folder, tmp_path / "lab", celeba_folder):
        for faces in open_source(str(folder), method):
            assert faces[0]["image"].shape == (3, method.size, method.size)


def test_samples_are_left_out_by_name(aflw_folder, tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"aflw": ["a"], "elsewhere": ["z"]}')
    assert read_names(names) == {"a", "z"}
    faces = CroppedFaces(aflw_folder / "train.npz", aflw_folder / "train_crops")
    less = Without(faces, read_names(names))
    assert less.names == [name for name in faces.names if name != "a"] and len(less) == len(faces) - 1
    assert less[0]["name"] == faces[1]["name"] == "b" and torch.equal(less[0]["image"], faces[1]["image"])
    told = []
    source = str(aflw_folder / "train.npz")
    (opened,) = open_source(source, create_method("compact"), leave_out={"b"}, pool=tmp_path, tell=told.append)
    assert len(opened) == len(faces) - 1 and opened[0]["name"] == "a"
    assert told == [f"aflw/train.npz: 1 of {len(faces)} samples left out by name"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "b"}', "3"])
def test_names_to_leave_out_are_lists_of_names(text, tmp_path):
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(ValueError, match="must hold a list of names"):
        read_names(tmp_path / "names.json")
    (tmp_path / "names.txt").write_text("a\n\n b \n")
    assert read_names(tmp_path / "names.txt") == {"a", "b"}
