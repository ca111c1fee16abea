"""Labels by teachers: what many looks agree on, what people marked, and that the folder trains."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from pyface3d import create_method
from pyface3d.camera import image_to_crop
from pyface3d.cli import app
from pyface3d.data import LabeledFaces, find_sets
from pyface3d.data.schemes import mirror_permutation
from pyface3d.data.synthetic import SyntheticFaces
from pyface3d.landmarks import box_size
from pyface3d.reconstructor.given_places import Places
from pyface3d.reconstructor.views import CLOSER, View, views_around
from pyface3d.teachers import HeadPose, Lookers, OpenSeeFace, label_photos, load_teacher, look
from pyface3d.teachers.head_pose import angles_between
from pyface3d.training.sources import open_source

TEMPLATE = torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 30 + 5


class Fixed:
    """Answers the same places of every crop, some of them unknown."""

    def __init__(self, template=TEMPLATE, size=40, margin=1.0):
        self.name, self.template, self.size, self.margin = "fixed", template, size, margin

    def __call__(self, crops):
        assert crops.shape[1:] == (3, self.size, self.size)
        return self.template.expand(len(crops), 68, 2).clone()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three portraits with a margin and one picture of nothing; names to landmarks."""
    folder, points = tmp_path_factory.mktemp("photos"), {}
    faces = SyntheticFaces(size=160, seed=7, jitter=0.0)
    for index in (0, 1, 3):  # the detector finds no made-up profile
        sample = faces[index]
        picture = np.pad(sample["image"].permute(1, 2, 0).numpy(), ((40, 60), (30, 50), (0, 0)), mode="edge")
        Image.fromarray(picture).save(folder / f"face{index}.png")
        points[f"face{index}"] = sample["landmarks"][:, :2] + torch.tensor([30.0, 40.0])
    Image.fromarray(np.full((160, 160, 3), 90, np.uint8)).save(folder / "wall.png")
    return folder, points


def test_views_are_the_first_crop_and_crops_around_it():
    rois = torch.tensor([[10.0, 20.0, 110.0, 120.0]])
    assert views_around(1) == [View()] and views_around(2) == [View(), CLOSER]
    boxes = torch.cat([view.boxes(rois) for view in views_around(7)[1:]])
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2] - boxes[:, 0]
    torch.testing.assert_close(centers.mean(0), torch.tensor([60.0, 70.0]), atol=0.3, rtol=0)
    assert sides.tolist() == [94, 106] * 3 and ((centers - torch.tensor([60.0, 70.0])).norm(dim=1) > 3).all()
    with pytest.raises(ValueError, match="views must be at least 1"):
        views_around(0)


def test_looks_come_back_to_the_photo_and_mirrored_ones_are_turned_back():
    pixels, roi = torch.zeros(3, 90, 100, dtype=torch.uint8), torch.tensor([10.0, 0.0, 90.0, 80.0])
    straight, mirrored = look(Fixed(), pixels, roi, [View()])
    torch.testing.assert_close(straight, TEMPLATE * 2 + torch.tensor([10.0, 0.0]))
    turned = TEMPLATE[mirror_permutation(68)] * torch.tensor([-1.0, 1.0]) + torch.tensor([39.0, 0.0])
    torch.testing.assert_close(mirrored, turned * 2 + torch.tensor([10.0, 0.0]))
    near = look(Fixed(margin=0.5), pixels, roi, [View()])[0]
    torch.testing.assert_close(near, TEMPLATE + torch.tensor([30.0, 20.0]))


def test_the_mean_counts_who_knows_a_point_and_the_spread_says_how_far_apart_they_are():
    pixels, roi = torch.zeros(3, 80, 80, dtype=torch.uint8), torch.tensor([0.0, 0.0, 40.0, 40.0])
    even = (TEMPLATE + TEMPLATE[mirror_permutation(68)] * torch.tensor([-1.0, 1.0]) + torch.tensor([39.0, 0.0])) / 2
    alone = Lookers([(Fixed(even), 1.0)], views=1)(pixels, roi)
    torch.testing.assert_close(alone.landmarks, even)
    assert alone.spread < 1e-6
    blind = even.clone() + 4
    blind[48] = blind[54] = torch.nan
    both = Lookers([(Fixed(even), 3.0), (Fixed(blind), 1.0)], views=1)(pixels, roi)
    torch.testing.assert_close(both.landmarks[[48, 54]], even[[48, 54]])
    torch.testing.assert_close(both.landmarks[30, 1], even[30, 1] + 1)  # a quarter of 4; in x the mirror takes it back
    assert both.spread > 0.03
    with pytest.raises(ValueError, match="at least one teacher"):
        Lookers([])


def test_photos_become_labels_that_train(photos, tmp_path):
    folder, points = photos
    report = label_photos(folder, tmp_path / "labels", [load_teacher("compact")], views=2)
    assert report.total == 4 and list(report.refused) == [str(folder / "wall.png")]
    assert "no face found" in report.refused[str(folder / "wall.png")]
    method = create_method("mobile_frnet")
    (faces,) = open_source(str(tmp_path / "labels"), method)
    assert isinstance(faces, LabeledFaces) and faces.face_model == method.model.hash()  # nothing to translate
    for sample in (faces[row] for row in range(3)):
        wanted = image_to_crop(points[sample["name"]][None], sample["box"][None], 120)
        off = (sample["landmarks"][None, :, :2] - wanted).norm(dim=2).mean() / box_size(wanted)[0]
        assert off < 0.06 and 0.5 < sample["confidence"] < 1
        assert sample["landmark_weights"].unique().tolist() == pytest.approx([float(sample["confidence"])])


def test_points_by_people_pull_the_label(photos, tmp_path):
    folder, points = photos
    places = {name: Places(landmarks=face.numpy()) for name, face in points.items()}
    off = []
    for name, given in (("alone", None), ("marked", places)):
        label_photos(folder, tmp_path / name, [load_teacher("compact")], views=1, places=given, limit=3)
        faces = LabeledFaces(tmp_path / name)
        samples = [faces.load(row) for row in range(3)]
        wanted = [image_to_crop(points[one["name"]][None], one["box"][None], 120)[0] for one in samples]
        errors = [(one["landmarks"][:, :2] - truth).norm(dim=1).mean() for one, truth in zip(samples, wanted)]
        off.append(float(torch.stack(errors).mean()))
    assert off[1] < 0.75 * off[0]


def test_the_command_labels_a_set_with_its_points_maps_and_attributes(data_folder, tmp_path):
    for source, name in (("aflw/train.npz", "aflw"), ("celeba", "celeba")):
        call = ["label", data_folder / source, "--teacher", "compact", "--views", 1, "--limit", 3, "--maps", 32]
        result = CliRunner().invoke(app, list(map(str, [*call, "--out", tmp_path / name, "--json"])))
        assert result.exit_code == 0 and json.loads(result.stdout)["total"] == 3, result.output
    aflw, celeba = LabeledFaces(tmp_path / "aflw"), LabeledFaces(tmp_path / "celeba")
    assert aflw[0]["position_map"].shape == (3, 32, 32) and "attributes" not in aflw[0]
    (found,) = find_sets(data_folder / "celeba")
    assert torch.equal(celeba[1]["attributes"], found.open(120)[1]["attributes"]) and celeba[1]["yaw"] < 90


def test_rendered_portraits_get_the_labels_that_teachers_would_give_photos(tmp_path):
    report = label_photos("synthetic:3", tmp_path, [load_teacher("compact")], views=1, limit=2)
    assert (report.total, report.refused) == (2, {})
    portraits, faces = SyntheticFaces(seed=1), LabeledFaces(tmp_path)
    for row, sample in enumerate(faces.load(row) for row in range(2)):
        own = portraits[row]
        assert sample["image"].float().sub(own["image"].float()).abs().mean() < 8  # kept as a JPEG
        off = (sample["landmarks"] - own["landmarks"])[:, :2].norm(dim=1).mean() / box_size(own["landmarks"][None])[0]
        assert 0.001 < off < 0.1  # what the teacher sees, not what was rendered
    with pytest.raises(ValueError, match="synthetic:COUNT wants a number, got 'many'"):
        label_photos("synthetic:many", tmp_path, [load_teacher("compact")])


def test_test_sets_are_not_labeled_unasked(data_folder, tmp_path):
    with pytest.raises(ValueError, match="is for testing alone; name the file"):
        label_photos(data_folder / "aflw2000", tmp_path, [load_teacher("compact")])
    label_photos(data_folder / "aflw2000/dev.npz", tmp_path / "own", [load_teacher("compact")], views=1, limit=2)
    (found,) = find_sets(tmp_path / "own")
    assert found.test  # the labels of a set for testing are for testing, whatever their folder is called
    with pytest.raises(ValueError, match="holds sets for testing alone"):
        open_source(str(tmp_path / "own"), create_method("mobile_frnet"))


def test_wrong_teachers_are_named(data_folder, tmp_path):
    with pytest.raises(ValueError, match="knows the networks openseeface, peppa, got 'dlib'"):
        load_teacher("dlib=net.onnx")
    with pytest.raises(ValueError, match="wants a positive number, got 'compact@0'"):
        load_teacher("compact@0")
    with pytest.raises(FileNotFoundError, match="no file net.onnx"):
        load_teacher("peppa=net.onnx")
    other = data_folder / "teachers" / "peppa_slim160.onnx"
    with pytest.raises(ValueError, match=r"teacher openseeface: the network must take \(B, 3, 224, 224\)"):
        OpenSeeFace(other)
    with pytest.raises(ValueError, match="the network must answer quat"):
        HeadPose(other)


@pytest.mark.parametrize(
    ("name", "file", "most"),
    [("openseeface", "openseeface_lm_model0_opt.onnx", 4.5), ("peppa", "peppa_slim160.onnx", 6.0)],
)
def test_networks_of_others_find_landmarks(name, file, most, data_folder, faces_450):
    teacher, _ = load_teacher(f"{name}={data_folder / 'teachers' / file}")
    errors = []
    for pixels, roi, points, _ in faces_450:
        found = look(teacher, pixels, roi, [View()])[0]
        known = found.isfinite().all(1)
        errors.append(100 * float((found - points)[known].norm(dim=1).mean() / box_size(points[None])[0]))
    assert np.mean(errors) < most, errors


def test_the_head_pose_network_sees_the_rotation(data_folder, faces_450):
    from pyface3d.teachers.looking import look_at_pose

    teacher = HeadPose(data_folder / "teachers" / "opentrack_head-pose-0.4-small-int8.onnx")
    turns = [angles_between(look_at_pose(teacher, p, r)[None], rotation[None])[0] for p, r, _, rotation in faces_450]
    assert float(torch.stack(turns).median()) < 7


@pytest.fixture(scope="module")
def faces_450(data_folder):
    """Ten photos of AFLW2000-3D with crop, landmarks and rotation."""
    from pyface3d.data import Archive, decode_image, read_mat

    tables, archive = dict(np.load(data_folder / "aflw2000/dev.npz")), Archive(data_folder / "aflw2000/dev_full450.zip")
    files = {name.rsplit("/")[-1][:-4]: name for name in archive.names if name.endswith(".jpg")}
    found = []
    for row in range(0, 40, 4):
        file = files[str(tables["names"][row]).removesuffix(".jpg")]
        pose = read_mat(archive.read(file.replace(".jpg", ".mat"))).pose[:, :3]
        points = torch.from_numpy(tables["pts68"][row].T[:, :2].astype(np.float32))
        roi = torch.from_numpy(tables["roi_box"][row].astype(np.float32))
        found.append((decode_image(archive.read(file)), roi, points, pose / pose.norm(dim=1, keepdim=True)))
    return found
