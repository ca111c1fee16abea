import io

import numpy as np
import pytest
import torch
from PIL import Image

from pyface3d.data import Archive, Pictures, UnreadableError, decode_image
from pyface3d.images import read_photo


@pytest.mark.parametrize("mode, kind", [("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("1", "PNG")])
def test_every_kind_of_picture_becomes_rgb(mode, kind, picture):
    image = decode_image(picture((7, 5), kind, mode=mode))
    assert image.shape == (3, 5, 7) and image.dtype == torch.uint8


def test_sixteen_bit_gray_single_pixels_and_orientation(picture):
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 65535], [32896, 0]], np.uint16)).save(stream, "PNG")
    assert decode_image(stream.getvalue())[0].tolist() == [[0, 255], [128, 0]]
    assert decode_image(picture((1, 1), "PNG")).shape == (3, 1, 1)
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (6, 4)).save(stream, "JPEG", exif=exif)
    assert decode_image(stream.getvalue()).shape == (3, 6, 4)


def test_transparency_is_white_as_in_photos():
    for mode, clear in (("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))):
        stream = io.BytesIO()
        Image.new(mode, (4, 3), clear).save(stream, "PNG")
        image = decode_image(stream.getvalue())
        assert (image == 255).all()
        assert np.array_equal(image.permute(1, 2, 0).numpy(), read_photo(stream.getvalue()).pixels)


@pytest.mark.parametrize("damage", [lambda file: b"", lambda file: b"not an image", lambda file: file[:200]])
def test_damaged_pictures_are_refused(picture, damage):
    with pytest.raises(UnreadableError, match="unreadable image"):
        decode_image(damage(picture()))


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


def test_pictures_by_the_names_of_lists(tmp_path, picture):
    (tmp_path / "inner").mkdir()
    for name, width in {"inner/face.jpg": 3, "b.1.png": 4, "c.png": 5}.items():
        (tmp_path / name).write_bytes(picture((width, 2), "PNG" if name.endswith("png") else "JPEG"))
    pictures = Pictures(tmp_path)
    for name, width in {"inner/face.jpg": 3, "face.jpg": 3, "face": 3, "face.png": 3, "b.1": 4, "b.1.jpg": 4}.items():
        assert name in pictures and pictures.read(name).shape == (3, 2, width), name
    for name in ("c.1", "c.2.jpg", "b", "d.jpg"):  # a dot in a name is no suffix: another picture must not stand in
        assert name not in pictures, name
        with pytest.raises(UnreadableError, match="missing file"):
            pictures.read(name)
