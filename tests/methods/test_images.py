import math

import numpy as np
import pytest
import torch

from pyface3d.methods import ImageFormat

FORMAT = ImageFormat(8)


def _image(low, high, dtype=torch.float32):
    return torch.linspace(low, high, 2 * 3 * 64).reshape(2, 3, 8, 8).to(dtype)


def test_uint8_and_float_pictures_are_normalized_alike():
    pictures = _image(0, 255, torch.uint8)
    expected = (pictures.float() - 127.5) / 128
    torch.testing.assert_close(FORMAT.normalize(pictures), expected)
    torch.testing.assert_close(FORMAT.normalize(pictures.float()), expected)
    torch.testing.assert_close(FORMAT.accept(pictures), expected)
    torch.testing.assert_close(FORMAT.accept(expected), expected)


def test_channels_are_swapped_for_bgr_networks_only():
    pictures = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    pictures[:, 0] = 255  # red
    assert FORMAT.normalize(pictures)[0, :, 0, 0].tolist() == pytest.approx([127.5 / 128, -127.5 / 128, -127.5 / 128])
    swapped = ImageFormat(8, "BGR").normalize(pictures)
    assert swapped[0, :, 0, 0].tolist() == pytest.approx([-127.5 / 128, -127.5 / 128, 127.5 / 128])


def test_unit_range_networks():
    unit = ImageFormat(8, offset=0.0, scale=255.0)
    assert unit.normalize(_image(0, 255, torch.uint8)).max() == 1
    unit.accept(_image(0, 1))
    with pytest.raises(ValueError, match=r"normalized to -?0\.\.1, got -1\.\.1"):
        unit.accept(_image(-1, 1))


def test_bad_pictures_are_named():
    with pytest.raises(ValueError, match=r"preprocess: images must be \(B, 3, 8, 8\), got \(2, 3, 9, 8\)"):
        FORMAT.normalize(torch.zeros(2, 3, 9, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got \(3, 8, 8\)"):
        FORMAT.normalize(torch.zeros(3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got \(2, 8, 8, 3\)"):
        FORMAT.accept(torch.zeros(2, 8, 8, 3))
    with pytest.raises(ValueError, match="must hold 0..255, got values within 0..1: multiply by 255"):
        FORMAT.normalize(_image(0, 1))
    with pytest.raises(ValueError, match=r"normalized to -0.996..0.996, got values within 0..1: pass uint8"):
        FORMAT.accept(_image(0, 1))
    with pytest.raises(ValueError, match=r"normalized to -0.996..0.996, got 0..255: pass uint8"):
        FORMAT.accept(_image(0, 255))
    with pytest.raises(TypeError, match="got torch.int64"):
        FORMAT.normalize(torch.zeros(1, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(TypeError, match="got torch.int64"):
        FORMAT.accept(torch.zeros(1, 3, 8, 8, dtype=torch.int64))
    for take in (FORMAT.normalize, FORMAT.accept):
        with pytest.raises(TypeError, match="images must be a Tensor, got ndarray"):
            take(np.zeros((1, 3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match="channels must be 'RGB' or 'BGR'"):
        ImageFormat(8, "GBR")


def test_an_empty_batch_passes():
    assert FORMAT.accept(torch.zeros(0, 3, 8, 8)).shape == (0, 3, 8, 8)
    assert FORMAT.normalize(torch.zeros(0, 3, 8, 8)).shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": 0},
        {"size": 12.5},
        {"size": 10**6},
        {"scale": 0.0},
        {"scale": math.nan},
        {"offset": math.inf},
    ],
)
def test_formats_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=f"ImageFormat: .*{next(iter(wrong))}"):
        ImageFormat(**{"size": 120, **wrong})
