import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pyface3d.images import read_photo


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def ramp(width=40, height=30):
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 255 // width, y * 255 // height, 0 * x + 100], axis=-1).astype(np.uint8)


def test_rgb_is_rgb():
    photo = read_photo(encoded(Image.fromarray(ramp()), "PNG"), "ramp")
    assert np.array_equal(photo.pixels, ramp()) and (photo.width, photo.height) == (40, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(ramp()), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    photo = read_photo(data)
    assert np.array_equal(photo.pixels, expected)
    assert (photo.height, photo.width) == expected.shape[:2]


@pytest.mark.parametrize("orientation", [6, 8])
def test_quarter_turns_go_the_right_way(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((20, 30, 3), np.uint8)
    stored[0, 0] = 255  # orientation 6: row 0 is the visual right side, column 0 its top: top right; 8: bottom left
    photo = read_photo(encoded(Image.fromarray(stored), "PNG", exif=exif))
    bright = np.argwhere(photo.pixels[..., 0] > 128)[0].tolist()
    assert bright == ([0, 19] if orientation == 6 else [29, 0])


def test_modes_are_converted():
    rgb = Image.fromarray(ramp())
    for image, kind, tolerance in (
        (rgb.convert("CMYK"), "JPEG", 12),
        (rgb.quantize(256), "PNG", 40),
        (rgb.convert("RGBA"), "PNG", 0),
        (rgb.convert("LA"), "PNG", 255),
    ):
        photo = read_photo(encoded(image, kind))
        assert photo.pixels.shape == (30, 40, 3) and photo.pixels.dtype == np.uint8
        assert np.abs(photo.pixels.astype(int) - ramp()).max() <= tolerance, image.mode


def test_transparency_becomes_white_and_one_bit_is_read():
    clear = Image.new("RGBA", (5, 5), (0, 0, 0, 0))
    assert (read_photo(encoded(clear, "PNG")).pixels == 255).all()
    assert (read_photo(encoded(Image.new("1", (5, 5), 1), "PNG")).pixels == 255).all()


def test_sixteen_bits_are_scaled():
    values = np.linspace(0, 65535, 30 * 40).reshape(30, 40).astype(np.uint16)
    photo = read_photo(encoded(Image.fromarray(values), "PNG"))
    assert np.abs(photo.pixels[..., 0].astype(int) - values / 257).max() <= 1
    assert np.abs(read_photo(values).pixels[..., 0].astype(int) - values / 257).max() <= 1


def test_an_animation_gives_its_first_picture():
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (read_photo(data).pixels == [255, 0, 0]).all()


def test_large_pictures_are_reduced_and_keep_their_coordinates():
    photo = read_photo(encoded(Image.fromarray(np.zeros((5000, 6000, 3), np.uint8)), "JPEG"))
    assert (photo.width, photo.height) == (6000, 5000)
    assert photo.pixels.shape[0] * photo.pixels.shape[1] <= 12_000_000
    box = np.array([[10.0, 20.0, 3000.0, 4000.0]])
    assert np.allclose(photo.to_file(photo.to_memory(box)), box)
    corner = photo.to_memory(np.array([[-0.5, -0.5, 5999.5, 4999.5]]))[0, 2:]
    assert np.allclose(corner + 0.5, photo.pixels.shape[1::-1])


def test_a_hundred_megapixels_in_bounded_memory(tmp_path):
    Image.new("L", (12500, 8000), 90).save(tmp_path / "big.jpg")
    code = """
import re
from pyface3d.images import read_photo
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = peak()  # ru_maxrss would count the process that started this one
photo = read_photo("big.jpg")
print((peak() - before) >> 10, photo.width, photo.pixels.size)
"""
    told = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    megabytes, width, size = map(int, told.split())
    assert width == 12500 and size <= 36_000_000
    assert 20 < megabytes < 300


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"this is a letter, not a picture", "not a picture"),
        (encoded(Image.fromarray(ramp()), "PNG")[:90], "broken"),
        (encoded(Image.fromarray(ramp(200, 200)), "JPEG")[:500], "broken"),
    ],
)
def test_bad_files_are_one_sentence_with_the_name(data, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_photo(data, "holiday.jpg")
    assert str(caught.value).startswith("holiday.jpg") and "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused_before_decoding():
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ValueError, match="megapixels"):
        read_photo(data, "bomb.png")


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match="folder"):
        read_photo(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_arrays_that_are_no_pictures(array):
    with pytest.raises(ValueError, match="array"):
        read_photo(array)


SEEDS = [
    encoded(Image.fromarray(ramp()), "PNG"),
    encoded(Image.fromarray(ramp()), "JPEG"),
    encoded(Image.fromarray(ramp()), "GIF"),
    encoded(Image.fromarray(ramp()), "BMP"),
    encoded(Image.fromarray(ramp()), "TIFF"),
    encoded(Image.fromarray(ramp()), "WEBP"),
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=12),
    st.integers(0, 3000),
)
def test_fuzzed_files_give_a_photo_or_a_sentence(seed, changes, length):
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    check(bytes(data[:length] if length < len(data) // 2 else data))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"RIFF"]),
    st.binary(max_size=200),
)
def test_fuzzed_headers_give_a_photo_or_a_sentence(head, tail):
    check(head + tail)


def check(data):
    try:
        photo = read_photo(data, "fuzz.bin")
    except ValueError as error:
        assert str(error).startswith("fuzz.bin") and "\n" not in str(error).strip()
    else:
        assert photo.pixels.dtype == np.uint8 and photo.pixels.ndim == 3 and photo.pixels.shape[2] == 3


def test_floats_up_to_one_are_parts_of_white():
    bright = Image.fromarray(np.full((5, 6), 0.5, np.float32))
    assert np.abs(read_photo(encoded(bright, "TIFF")).pixels.astype(int) - 127).max() <= 1
