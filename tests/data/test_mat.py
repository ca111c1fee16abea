"""Images with .mat labels: folders and zips alike, damaged files among them."""

import zipfile

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pyface3d import ParameterSpace, UVAtlas
from pyface3d.camera import flip_y, image_to_crop
from pyface3d.data import MatFaces, Tolerant, UnreadableError, collate, read_mat


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("flip", ["face3d", "3ddfa", "3ddfa_v2"])
@pytest.mark.parametrize("size", [120, 200])
def test_parameters_of_a_mat_decode_to_its_landmarks(mat_folder, basel, flip, size):
    space = ParameterSpace(n_identity=199, n_expression=29, size=size, flip=flip)
    sample = MatFaces(mat_folder, space)[1]
    pose, coeffs = space.split(sample["params"][None])
    decoded = flip_y(basel.synthesize(coeffs, pose, basel.landmarks), size, flip)[0, :, :2]
    torch.testing.assert_close(decoded, sample["landmarks"], rtol=0, atol=2e-3)
    assert sample["image"].shape == (3, size, size) and sample["name"] == "AFW/face_1"
    assert abs(sample["yaw"] - np.degrees(0.4)) < 1e-4
    label = read_mat((mat_folder / "AFW/face_1.mat").read_bytes())
    inside = image_to_crop(label.points[None], sample["box"][None], size)[0]
    torch.testing.assert_close(inside, sample["landmarks"])


def test_zip_gives_the_same_samples_as_the_folder(mat_folder, tmp_path):
    folder, archive = MatFaces(mat_folder), MatFaces(zipped(mat_folder, tmp_path / "set.zip"))
    assert folder.names == archive.names and len(folder) == 4
    for key, value in folder[2].items():
        other = archive[2][key]
        assert value == other if isinstance(value, str | int | float) else torch.equal(value, other)


def test_position_maps_and_faces_without_landmarks_need_the_model(tmp_path, basel, picture, mat_bytes):
    (tmp_path / "a.jpg").write_bytes(picture((450, 450)))
    (tmp_path / "a.mat").write_bytes(mat_bytes(with_points=False))
    with pytest.raises(UnreadableError, match="no landmarks in the file"):
        MatFaces(tmp_path).load(0)
    with pytest.raises(ValueError, match="pass model="):
        MatFaces(tmp_path, atlas=UVAtlas.from_model(basel, 16))
    atlas = UVAtlas.from_model(basel, 64)
    sample = MatFaces(tmp_path, model=basel, atlas=atlas)[0]
    found = atlas.landmarks(sample["position_map"][None])[0, :, :2]
    assert (found - sample["landmarks"][:, :2]).norm(dim=1).median() < 0.3  # pixels, from a map of 64 texels


def test_mirrored_landmarks_of_300wlp_are_renumbered(mat_bytes):
    straight, mirrored = read_mat(mat_bytes()), read_mat(mat_bytes(mirrored=True))
    assert straight.points[36, 0] < straight.points[45, 0] and mirrored.points[36, 0] < mirrored.points[45, 0]
    torch.testing.assert_close(mirrored.points[45, 0], 449 - straight.points[36, 0])


@pytest.mark.parametrize(
    "content, message",
    [
        (b"MATLAB 5.0 nothing", "unreadable label"),
        ({"Pose_Para": np.zeros((1, 6))}, "unreadable label"),
        ({"Pose_Para": np.array([[0, 0, 0, 5, 5, 5, -1.0]])}, "scale of the pose is -1"),
        ({"Shape_Para": np.full((199, 1), np.nan)}, "NaN or infinity"),
        ({"Exp_Para": np.zeros((28, 1))}, "unreadable label"),
    ],
)
def test_damaged_mat_files_are_refused_by_name(mat_bytes, content, message):
    with pytest.raises(UnreadableError, match=message):
        read_mat(content if isinstance(content, bytes) else mat_bytes(with_points=False, **content))


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_files_are_skipped_counted_and_named(mat_folder, workers, picture):
    (mat_folder / "AFW/face_1.jpg").write_bytes(picture((450, 450))[:500])
    (mat_folder / "AFW/face_3.mat").write_bytes(b"nonsense")
    faces = Tolerant(MatFaces(mat_folder))
    batches = list(DataLoader(faces, 2, collate_fn=collate, num_workers=workers))
    assert [len(b["name"]) for b in batches] == [2, 2]
    assert batches[0]["name"] == ["AFW/face_0", "AFW/face_2"] and batches[1]["name"] == ["AFW/face_2", "AFW/face_0"]
    report = faces.report()
    assert report.refused == {"AFW/face_1": "unreadable image", "AFW/face_3": "unreadable label"}
    assert str(report).startswith("4 samples, 2 refused: 1 unreadable image, 1 unreadable label (AFW/face_1")


def test_a_set_of_nothing_but_damaged_files_is_an_error(mat_folder):
    for file in mat_folder.rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(RuntimeError, match="none of the 4 samples can be read"):
        Tolerant(MatFaces(mat_folder))[0]
    with pytest.raises(IndexError, match="index 4 is out of range"):
        MatFaces(mat_folder)[4]
