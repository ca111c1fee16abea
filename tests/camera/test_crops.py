import cv2
import numpy as np
import pytest
import torch

from pyface3d.camera import crop, roi_from_box, roi_from_landmarks


def test_roi_from_landmarks_by_hand():
    points = torch.tensor([[[10.0, 20.0], [30.0, 24.0]]])  # 20 x 4: the tight square has side 20, its diagonal 28.284
    expected = torch.tensor([[20 - 14.1421, 22 - 14.1421, 20 + 14.1421, 22 + 14.1421]])
    torch.testing.assert_close(roi_from_landmarks(points), expected, atol=1e-4, rtol=0)


def test_roi_ignores_what_is_not_visible():
    points = torch.tensor([[[10.0, 20.0], [30.0, 24.0], [-1.0, -1.0]], [[0.0, 0.0]] * 3])
    visible = torch.tensor([[True, True, False], [False] * 3])
    rois = roi_from_landmarks(points, visible)
    torch.testing.assert_close(rois[:1], roi_from_landmarks(points[:1, :2]))
    assert rois[1].isnan().all()


def test_published_boxes_of_aflw2000(data_folder):
    dev = np.load(data_folder / "aflw2000" / "dev.npz")
    points = torch.from_numpy(dev["pts68"]).mT.double()
    published = torch.from_numpy(dev["roi_box"]).double()
    whole = (roi_from_landmarks(points, rounding="matlab") == published).all(1)
    clipped = (roi_from_landmarks(points, rounding="matlab", clip_to=(450, 450)) == published).all(1)
    assert clipped.all() and whole.sum() == 970  # the other 30 boxes were cut at the border of the image


def test_roi_from_box_by_hand():
    # w = 100, h = 120: old = 110; center (150, 160 + 15.4); side int(173.8) = 173
    roi = roi_from_box(torch.tensor([[100, 100, 200, 220]]))
    torch.testing.assert_close(roi, torch.tensor([[63.5, 88.9, 236.5, 261.9]]))


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def crop_with_opencv(photo, roi, size):
    left, top, right, bottom = (int(round(float(v))) for v in roi)
    face = np.zeros((bottom - top, right - left, 3), dtype=np.uint8)
    height, width = photo.shape[:2]
    y0, y1, x0, x1 = max(top, 0), min(bottom, height), max(left, 0), min(right, width)
    face[y0 - top : y1 - top, x0 - left : x1 - left] = photo[y0:y1, x0:x1]
    return cv2.resize(face, (size, size), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("roi", [[10, 5, 50, 45], [-20.5, -10.5, 39.5, 49.5], [50, 30, 110, 75], [2.5, 3.5, 14, 14]])
def test_crop_is_pad_and_cv2_resize(photo, roi):
    expected = crop_with_opencv(photo, roi, 32).astype(int)
    actual = crop(photo, np.array(roi, dtype=np.float32), 32).astype(int)
    assert np.abs(actual - expected).max() <= 1  # OpenCV's fixed point


def test_crop_of_its_own_size_copies(photo):
    assert np.array_equal(crop(photo, np.array([8, 4, 40, 36]), 32), photo[4:36, 8:40])


def test_crop_batches_agree_with_singles(photo):
    image = torch.from_numpy(photo).permute(2, 0, 1)
    rois = torch.tensor([[10.0, 5, 50, 45], [-20, -10, 40, 50]])
    both = crop(image, rois, 24)
    stacked = crop(torch.stack([image, image.flip(0)]), rois, 24)
    assert both.dtype == torch.uint8 and both.shape == (2, 3, 24, 24)
    for i, roi in enumerate(rois):
        assert torch.equal(both[i], crop(image, roi, 24))
    assert torch.equal(stacked[1], both[1].flip(0))
    arrays = crop(photo, rois.numpy(), 24)
    assert np.array_equal(arrays, both.permute(0, 2, 3, 1).numpy())


def test_crop_gradient():
    image = torch.rand(1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda i: crop(i, torch.tensor([-1.0, 0, 4, 4]), 3), image)


def test_crop_errors():
    for image, size in ((torch.ones(3, 9, 9), 0), (torch.ones(3, 0, 9), 8)):
        with pytest.raises(ValueError, match="size must be at least 1 and the image must have pixels"):
            crop(image, torch.tensor([0.0, 0.0, 5.0, 5.0]), size)
    with pytest.raises(ValueError, match="roi must be finite"):
        crop(torch.zeros(3, 8, 8), torch.tensor([4.0, 4, 4, 8]), 8)
    with pytest.raises(ValueError, match="roi must be finite"):
        crop(torch.zeros(3, 8, 8), torch.tensor([4.0, float("nan"), 4, 8]), 8)
    with pytest.raises(ValueError, match="2 images need as many boxes"):
        crop(torch.zeros(2, 3, 8, 8), torch.zeros(3, 4), 8)
    with pytest.raises(ValueError, match=r"points must be \(B, L, 2\)"):
        roi_from_landmarks(torch.zeros(2, 68))


def test_a_small_face_of_a_wide_photo_is_cut_as_from_any_layout():
    wide = torch.randint(256, (90, 400, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[310.0, 20, 360, 70], [-20, -10, 40, 50], [380, 60, 430, 110]])
    whole = crop(wide.permute(2, 0, 1), boxes, 24)
    assert torch.equal(whole, crop(wide.permute(2, 0, 1).contiguous(), boxes, 24))
    assert whole.float().std() > 10
