import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from pyface3d import camera
from pyface3d.images import Detections, demo_picture, load_detector, read_photo
from pyface3d.images.agreement import five_points, is_face
from pyface3d.images.detection import find_faces, whole_picture
from pyface3d.images.framing import Framing, rois_of_boxes
from pyface3d.images.yunet import YuNetDetector


@pytest.fixture(scope="module")
def detector():
    return YuNetDetector()


def test_nothing_is_found_in_nothing(detector):
    for shape in ((1, 1, 3), (3, 200, 3), (20, 20, 3), (600, 900, 3)):
        for largest in (True, False):
            assert len(detector(np.full(shape, 128, np.uint8), largest)) == 0


def test_a_whole_picture_is_its_own_crop():
    assert np.allclose(whole_picture(np.zeros((120, 120, 3))).rois(), [[0, 0, 120, 120]], atol=1e-3)


def test_boxes_without_points_are_framed_as_landmarks_are():
    boxes = np.float32([[3, 4, 40, 70], [-5, 0, 90, 20]])
    wanted = camera.roi_from_landmarks(torch.from_numpy(boxes).reshape(-1, 2, 2)).numpy()
    assert np.allclose(rois_of_boxes(boxes), wanted, atol=1e-4)
    assert np.allclose(Detections(boxes, np.ones(2)).rois(), wanted, atol=1e-4)
    assert rois_of_boxes(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_unknown_detectors():
    with pytest.raises(ValueError, match="yunet"):
        load_detector("magic")
    with pytest.raises(FileNotFoundError):
        load_detector("none.onnx")

    def mine(image, largest):
        return np.float32([[0, 0, 2, 2, 0.9], [0, 0, 9, 9, 0.5]])

    assert load_detector(mine) is mine
    found = find_faces(mine, np.zeros((10, 10, 3), np.uint8), largest=False)
    assert found.scores.tolist() == [0.5, pytest.approx(0.9)]
    assert len(find_faces(mine, np.zeros((10, 10, 3), np.uint8), largest=True)) == 1
    with pytest.raises(ValueError, match=r"\(F, 5\)"):
        find_faces(lambda image, largest: np.zeros((3, 4)), np.zeros((10, 10, 3), np.uint8), True)


@pytest.mark.parametrize(
    "broken", [{"boxes": np.zeros((2, 3))}, {"points": np.zeros((2, 4, 2))}, {"scores": [1, np.nan]}]
)
def test_finds_of_another_shape(broken):
    whole = {"boxes": np.ones((2, 4)), "scores": np.ones(2), "points": np.ones((2, 5, 2))}
    with pytest.raises(ValueError, match=f"Detections: {next(iter(broken))} must be finite"):
        Detections(**{**whole, **broken})


def _find(seed=0, count=3):
    random = np.random.default_rng(seed)
    points = np.float32([[30, 40], [70, 42], [50, 60], [36, 80], [66, 79]]) + random.normal(0, 3, (count, 5, 2))
    boxes = np.float32([10, 5, 90, 100]) + random.normal(0, 3, (count, 4))
    return boxes, points


def test_crops_move_grow_and_turn_with_the_finds():
    framing, (boxes, points) = Framing.yunet(), _find()
    rois = framing.rois(boxes, points)
    moved = framing.rois(2.5 * boxes + [7, -3, 7, -3], 2.5 * points + [7, -3])
    assert np.allclose(moved, 2.5 * rois + [7, -3, 7, -3], atol=1e-3)
    mirrored = framing.rois(boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1], points[:, [1, 0, 2, 4, 3]] * [-1, 1])
    sides = rois[:, 2] - rois[:, 0]
    assert (np.abs(mirrored - rois[:, [2, 1, 0, 3]] * [-1, 1, -1, 1]).max(1) < 0.02 * sides).all()
    taller = boxes - [0, 30, 0, 0]
    assert np.array_equal(framing.rois(taller, points), rois)  # hats do not count
    with pytest.raises(ValueError, match="roi_from_landmarks"):
        framing.rois(boxes, points, "magic")


def test_the_embedded_portrait_is_found_in_any_size_and_mirrored(detector):
    pixels = demo_picture("portrait").pixels
    (roi,) = detector(pixels).rois()
    side = roi[2] - roi[0]
    (mirrored,) = detector(np.ascontiguousarray(pixels[:, ::-1])).rois()
    back = mirrored[[2, 1, 0, 3]] * [-1, 1, -1, 1] + [len(pixels), 0, len(pixels), 0]
    assert np.abs(back - roi).max() < 0.06 * side
    for factor in (0.25, 2.5):
        resized = np.asarray(Image.fromarray(pixels).resize([round(factor * length) for length in pixels.shape[1::-1]]))
        (again,) = detector(resized).rois()
        assert np.abs(again / factor - roi).max() < 0.08 * side
    assert np.array_equal(detector(pixels, True).boxes, detector(pixels, False).boxes)


def _agreeing_face():
    landmarks = np.random.default_rng(1).uniform(20, 100, (68, 3))
    return landmarks, np.float32([0, 0, 113, 113])


def test_what_is_no_face_is_told_from_what_is():
    landmarks, roi = _agreeing_face()
    points = five_points(landmarks)
    assert is_face(landmarks, roi) and is_face(landmarks, roi, points)
    size = np.ptp(landmarks[:, :2], axis=0).max()
    assert is_face(landmarks, roi, points + [0.25 * size, 0])
    assert not is_face(landmarks, roi, points + [0.35 * size, 0])
    assert not is_face(landmarks / 20, roi / 1.0) and not is_face(landmarks, roi / 5)
    assert not is_face(np.where(np.arange(68)[:, None] == 3, np.nan, landmarks), roi)


# --- real photos


def test_faces_of_aflw2000_are_found(data_folder, detector):
    """A hit is a crop like the labels': centres within a quarter, sides within a third."""
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    bins = np.digitize(np.abs(dev["yaw_fitted"]), [30, 60])
    hits: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    overlaps = []
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_full450.zip") as archive:
        for i in range(1000):
            found = detector(read_photo(archive.read(f"{dev['names'][i]}.jpg")).pixels, True)
            wanted = camera.roi_from_landmarks(torch.from_numpy(dev["pts68"][i, :2].T)[None])[0].numpy()
            overlap = 0.0 if not len(found) else _overlap(found.rois()[0], wanted)
            hits[int(bins[i])].append(overlap > 0.5)
            overlaps.append(overlap)
    for view, least in enumerate((0.99, 0.99, 0.96)):
        assert np.mean(hits[view]) >= least, (view, np.mean(hits[view]))
    assert np.median(overlaps) > 0.88


def _overlap(a, b):
    shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


@pytest.mark.parametrize(("name", "faces"), [("one_face", 1), ("two_faces", 2), ("image00427_figure", 3)])
def test_photos_give_one_find_for_each_face(data_folder, detector, name, faces):
    """Where letters, hands and clothes respond to weaker detectors too."""
    photo = read_photo(data_folder / "photos" / f"{name}.jpg")
    found = detector(photo.pixels)
    assert len(found) == faces
    sizes = np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1)
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("name", ["photos/many_faces_third.jpg", "landmark_samples/wflw/7_Cheering_Cheering_7_16.jpg"])
def test_the_largest_face_is_the_first_of_all(data_folder, detector, name):
    photo = read_photo(data_folder / name)
    first, every = detector(photo.pixels, True), detector(photo.pixels, False)
    assert len(first) == 1 and len(every) > 2
    assert np.array_equal(first.boxes, every.boxes[:1]) and np.array_equal(first.points, every.points[:1])


def test_small_faces_of_large_photos_are_found(data_folder, detector):
    """Twelve faces of about 40 pixels in a picture of 2400 x 1800: the first search sees none of them."""
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    frontal = np.flatnonzero(np.abs(dev["yaw_fitted"]) < 20)[:12]
    sheet = np.full((1800, 2400, 3), 128, np.uint8)
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_full450.zip") as archive:
        for cell, i in enumerate(frontal):
            top, left = cell // 4 * 600, cell % 4 * 600
            picture = Image.fromarray(read_photo(archive.read(f"{dev['names'][i]}.jpg")).pixels)
            sheet[top : top + 110, left : left + 110] = np.asarray(picture.resize((110, 110)))
    boxes = detector(sheet).boxes
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    cells = {(int(y // 600), int(x // 600)) for x, y in centres}
    assert len(cells) == 12 and len(boxes) == 12


def test_a_large_face_hides_no_small_one(data_folder, detector):
    """One face fills the picture, another has a twentieth of its side: both levels of the search speak."""
    photo = read_photo(data_folder / "photos" / "one_face.jpg").pixels
    large = np.asarray(Image.fromarray(photo).resize((1200, 1600)))
    small = np.asarray(Image.fromarray(photo).resize((120, 160)))
    sheet = np.concatenate([large, np.full((1600, 300, 3), 90, np.uint8)], axis=1)
    sheet[40:200, 1300:1420] = small
    found = detector(sheet)
    assert len(found) == 2 and found.boxes[1, 0] > 1250 and len(detector(sheet, True)) == 1
