"""Readers on small sets written here: folders and zips alike, damaged files among them."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torch.utils.data import DataLoader

from pyface3d import MorphableModel, ParameterSpace, UVAtlas
from pyface3d.camera import flip_y, image_to_crop
from pyface3d.data import (
    Archive,
    CelebA,
    CroppedFaces,
    LandmarkFaces,
    MatFaces,
    TrainAug,
    UnreadableError,
    check,
    collate,
    decode_image,
    read_mat,
)


def picture(size=(64, 64), kind="JPEG", seed=0, mode="RGB"):
    values = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).convert(mode).save(stream, kind)
    return stream.getvalue()


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.fixture(scope="module")
def basel():
    """A model with the sizes of the labels (199 + 29): the default face's first modes stand in for the Basel ones."""
    face = MorphableModel.default()
    identity = torch.cat([face.identity_basis, torch.zeros(face.n_vertices, 3, 159)], 2)
    expression = torch.cat([face.expression_basis, torch.zeros(face.n_vertices, 3, 19)], 2)
    return face._replaced(
        identity_basis=identity, expression_basis=expression, identity_std=None, expression_std=None,
        expression_names=None, blendshapes=None,
    )  # fmt: skip


def mat_bytes(model, mirrored=False, with_points=True, **changes):
    """A label whose points are the model's own, in a 450 x 450 image."""
    sign = -1 if mirrored else 1
    fields = {
        "Pose_Para": np.array([[-0.2, 0.4 * sign, 0.1 * sign, 225.0, 240.0, -60.0, 11.0]]),
        "Shape_Para": np.random.default_rng(0).normal(size=(199, 1)),
        "Exp_Para": np.random.default_rng(1).normal(size=(29, 1)) * 0.2,
    }
    fields |= changes
    stream = io.BytesIO()
    savemat(stream, fields)
    if with_points:
        label = read_mat(stream.getvalue())
        coeffs = torch.cat([label.identity, label.expression])[None]
        points = flip_y(model.synthesize(coeffs, label.pose[None], model.landmarks), 450, "3ddfa")[0]
        if mirrored:  # as 300W-LP stores it: mirrored where it lies, numbers as they were
            unmirrored = read_mat(mat_bytes(model)).points + 1
            points = torch.stack([451 - unmirrored[:, 0], unmirrored[:, 1]], 1)
            points = torch.cat([points, points[:, :1] * 0], 1)
        stream = io.BytesIO()
        savemat(stream, fields | {"pt2d": points[:, :2].T.numpy()})
    return stream.getvalue()


@pytest.fixture
def mat_folder(tmp_path, basel):
    folder = tmp_path / "set"
    (folder / "AFW").mkdir(parents=True)
    for number in range(4):
        (folder / f"AFW/face_{number}.jpg").write_bytes(picture((450, 450), seed=number))
        (folder / f"AFW/face_{number}.mat").write_bytes(mat_bytes(basel))
    return folder


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
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(archive[2][key])) if key != "name" else True


def test_position_maps_and_faces_without_landmarks_need_the_model(tmp_path, basel):
    (tmp_path / "a.jpg").write_bytes(picture((450, 450)))
    (tmp_path / "a.mat").write_bytes(mat_bytes(basel, with_points=False))
    with pytest.raises(UnreadableError, match="no landmarks in the file"):
        MatFaces(tmp_path).load(0)
    with pytest.raises(ValueError, match="pass model="):
        MatFaces(tmp_path, atlas=UVAtlas.from_model(basel, 16))
    atlas = UVAtlas.from_model(basel, 64)
    sample = MatFaces(tmp_path, model=basel, atlas=atlas)[0]
    found = atlas.landmarks(sample["position_map"][None])[0, :, :2]
    assert (found - sample["landmarks"][:, :2]).norm(dim=1).median() < 0.3  # pixels, from a map of 64 texels


def test_mirrored_landmarks_of_300wlp_are_renumbered(basel):
    straight, mirrored = read_mat(mat_bytes(basel)), read_mat(mat_bytes(basel, mirrored=True))
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
def test_damaged_mat_files_are_refused_by_name(basel, content, message):
    with pytest.raises(UnreadableError, match=message):
        read_mat(content if isinstance(content, bytes) else mat_bytes(basel, with_points=False, **content))


@pytest.mark.parametrize("workers", [0, 2])
def test_damaged_files_are_skipped_counted_and_named(mat_folder, workers):
    (mat_folder / "AFW/face_1.jpg").write_bytes(picture((450, 450))[:500])
    (mat_folder / "AFW/face_3.mat").write_bytes(b"nonsense")
    faces = MatFaces(mat_folder)
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
        MatFaces(mat_folder)[0]
    with pytest.raises(IndexError, match="index 4 is out of range"):
        MatFaces(mat_folder)[4]


def aflw_folder(folder):
    folder.mkdir(exist_ok=True)
    points = np.random.default_rng(0).uniform(20, 80, (3, 2, 21)).astype(np.float32)
    points[1, :, 4] = -1
    np.savez(folder / "train.npz", names=["a", "b", "c"], pts21=points, yaw=np.array([1.0, -50, 80], np.float32),
             roi_box=np.array([[10, 10, 130, 130], [0, 0, 240, 240], [5, 5, 5, 5]], np.uint16))  # fmt: skip
    (folder / "train_crops").mkdir()
    for name in "abc":
        (folder / f"train_crops/{name}.jpg").write_bytes(picture((120, 120)))
    return points


def test_crops_with_points(tmp_path):
    points = aflw_folder(tmp_path / "aflw")
    faces = CroppedFaces(tmp_path / "aflw/train.npz", tmp_path / "aflw/train_crops")
    torch.testing.assert_close(faces[0]["landmarks"], torch.from_numpy(points[0].T - 10))
    torch.testing.assert_close(faces[1]["landmarks"][0], torch.from_numpy(points[1, :, 0] / 2))
    assert faces[1]["visible"].sum() == 20 and not faces[1]["visible"][4] and faces[1]["yaw"] == -50
    with pytest.raises(UnreadableError, match="an empty box"):
        faces.load(2)
    with pytest.raises(ValueError, match="lacks pts68; it has names, pts21, yaw, roi_box"):
        CroppedFaces(tmp_path / "aflw/train.npz", tmp_path / "aflw/train_crops", points="pts68")


def test_training_list_and_pickle(tmp_path):
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


def celeba_folder(folder):
    images = folder / "img_align_celeba"
    images.mkdir(parents=True)
    names = ["000001.jpg", "162771.jpg", "182638.jpg"]
    for name in names:
        (images / name).write_bytes(picture((178, 218)))
    header = " ".join(f"A{k}" for k in range(40))
    lines = [f"{name}  {' '.join('1' if k % 2 else '-1' for k in range(40))}" for name in names]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["3", header, *lines]) + "\n")
    return images, folder / "list_attr_celeba.txt"


def test_celeba_official_lists(tmp_path):
    images, attributes = celeba_folder(tmp_path / "celeba")
    parts = {part: CelebA(images, attributes, part) for part in ("train", "val", "test", "all")}
    assert [p.names for p in parts.values()][:3] == [["000001.jpg"], ["162771.jpg"], ["182638.jpg"]]
    assert len(parts["all"]) == 3
    sample = parts["val"][0]
    assert sample["attributes"].dtype == torch.int8 and sample["attributes"].tolist() == [0, 1] * 20
    assert sample["image"].shape == (3, 120, 120) and sample["landmarks"].shape == (5, 2)
    eyes = sample["landmarks"][:2]
    assert abs(float(eyes[:, 0].mean()) - 60) < 2 and 30 < float(eyes[:, 1].mean()) < 55  # framed as 300W-LP's faces
    partition = tmp_path / "celeba/list_eval_partition.txt"
    partition.write_text("000001.jpg 2\n162771.jpg 0\n182638.jpg 1\n")
    assert CelebA(images, attributes, "test", partition).names == ["000001.jpg"]
    partition.write_text("000001.jpg two\n")
    with pytest.raises(ValueError, match="line 1 of .* must be a name and 1 integers"):
        CelebA(images, attributes, "test", partition)


def test_landmark_files(tmp_path):
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


@pytest.mark.parametrize("mode, kind", [("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("1", "PNG")])
def test_every_kind_of_picture_becomes_rgb(mode, kind):
    image = decode_image(picture((7, 5), kind, mode=mode))
    assert image.shape == (3, 5, 7) and image.dtype == torch.uint8


def test_sixteen_bit_grey_single_pixels_and_orientation():
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 65535], [32896, 0]], np.uint16)).save(stream, "PNG")
    assert decode_image(stream.getvalue())[0].tolist() == [[0, 255], [128, 0]]
    assert decode_image(picture((1, 1), "PNG")).shape == (3, 1, 1)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (6, 4)).save(stream, "JPEG", exif=exif)
    assert decode_image(stream.getvalue()).shape == (3, 6, 4)


@pytest.mark.parametrize("content", [b"", b"not an image", picture()[:200]])
def test_damaged_pictures_are_refused(content):
    with pytest.raises(UnreadableError, match="unreadable image"):
        decode_image(content)


def test_archives(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no"):
        Archive(tmp_path / "absent")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        Archive(tmp_path / "file")
    archive = Archive(tmp_path)
    assert archive.names == ["file"] and archive.read("file") == b"x"
    with pytest.raises(KeyError, match="other is not in"):
        archive.read("other")


def test_check_says_what_a_folder_is(mat_folder, tmp_path):
    (mat_folder / "AFW/face_1.jpg").write_bytes(b"")
    (mat_folder / "AFW/lonely.mat").write_bytes(b"")
    report = check(mat_folder)
    assert report.kinds == {"images with .mat labels": 4} and not report.ok
    assert "AFW/face_1: unreadable image" in str(report) and "1 labels without an image (AFW/lonely.mat)" in str(report)
    aflw_folder(tmp_path / "aflw")
    assert check(tmp_path / "aflw").kinds == {"crops with points, train": 3}
    celeba_folder(tmp_path / "celeba")
    report = check(tmp_path / "celeba")
    assert report.kinds == {"CelebA": 3} and report.ok
    (tmp_path / "empty").mkdir()
    report = check(tmp_path / "empty")
    assert not report.ok and "no faces" in str(report)
