import zipfile

import numpy as np
import pytest
from PIL import Image

from pyface3d.images import read_photo
from pyface3d.images.detection import CascadeDetector, load_detector, merge_boxes, whole_picture
from pyface3d.reconstructor.given_places import rois_of_boxes


def test_merging_keeps_the_best_of_each_group():
    boxes = np.float32([[0, 0, 10, 10, 1], [1, 1, 11, 11, 3], [50, 50, 60, 60, 2], [3, 3, 6, 6, 9]])
    merged = merge_boxes(boxes)
    assert merged[:, 4].tolist() == [9, 2] or merged[:, 4].tolist() == [9, 3, 2]
    assert merge_boxes(np.zeros((0, 5), np.float32)).shape == (0, 5)


def test_nothing_is_found_in_nothing():
    detector = CascadeDetector()
    for shape in ((1, 1, 3), (20, 20, 3), (600, 900, 3)):
        for largest in (True, False):
            assert detector(np.full(shape, 128, np.uint8), largest).shape == (0, 5)


def test_a_whole_picture_is_its_own_crop():
    boxes = whole_picture(np.zeros((120, 120, 3), np.uint8))
    assert np.allclose(rois_of_boxes(boxes[:, :4]), [[0, 0, 120, 120]], atol=1e-3)


def test_unknown_detectors():
    with pytest.raises(ValueError, match="cascades"):
        load_detector("magic")
    with pytest.raises(FileNotFoundError):
        load_detector("none.onnx")

    def mine(image, largest):
        return np.zeros((0, 5), np.float32)

    assert load_detector(mine) is mine


def test_cascades_find_the_faces_of_aflw2000(data_folder):
    """Every fifth picture; a hit is a box of the landmarks' size whose center lies within half a face of theirs."""
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    detector = CascadeDetector()
    bins = np.digitize(np.abs(dev["yaw_fitted"]), [30, 60])
    hits: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_full450.zip") as archive:
        for i in range(0, 1000, 5):
            photo = read_photo(archive.read(f"{dev['names'][i]}.jpg"))
            boxes = detector(photo.pixels, True)
            points = dev["pts68"][i, :2]
            low, high = points.min(1), points.max(1)
            size = np.sqrt(np.prod(high - low))
            hit = False
            for box in boxes:
                away = np.linalg.norm((box[:2] + box[2:4] - low - high) / 2)
                hit |= bool(away < 0.5 * size and 0.5 < (box[2] - box[0]) / size < 2)
            hits[int(bins[i])].append(hit)
    for view, least in enumerate((0.85, 0.79, 0.39)):
        assert np.mean(hits[view]) >= least, (view, np.mean(hits[view]))


@pytest.mark.parametrize(
    ("name", "frontal", "most"), [("one_face", 1, 1), ("two_faces", 2, 2), ("image00427_figure", 3, 3), ("emma", 2, 3)]
)
def test_photos_give_one_box_for_each_frontal_face(data_folder, name, frontal, most):
    """Where letters, hands and clothes respond to a cascade too; emma's shoulder is the one that stays."""
    photo = read_photo(data_folder / "photos" / f"{name}.jpg")
    detector = CascadeDetector()
    boxes = detector(photo.pixels, False)
    assert frontal <= len(boxes) <= most
    assert (np.diff(boxes[:, 4]) <= 0).all() and (boxes[:, 4] >= 11).all()
    assert len(merge_boxes(boxes)) == len(boxes)
    assert len(detector(photo.pixels, True)) == 1


def test_small_faces_among_others_are_found(data_folder):
    """Twelve faces of about 40 pixels side by side on gray: found again one by one."""
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    frontal = [i for i in np.flatnonzero(np.abs(dev["yaw_fitted"]) < 20)[:12]]
    sheet = np.full((3 * 150, 4 * 150, 3), 128, np.uint8)
    with zipfile.ZipFile(data_folder / "aflw2000" / "dev_full450.zip") as archive:
        for cell, i in enumerate(frontal):
            top, left = cell // 4 * 150, cell % 4 * 150
            picture = Image.fromarray(read_photo(archive.read(f"{dev['names'][i]}.jpg")).pixels)
            sheet[top : top + 120, left : left + 120] = np.asarray(picture.resize((120, 120)))
    boxes = CascadeDetector()(sheet, False)
    centers = (boxes[:, :2] + boxes[:, 2:4]) / 2
    cells = {(int(y // 150), int(x // 150)) for x, y in centers}
    assert len(cells) >= 10
