import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch

from pyface3d.export import load_position_map, save_position_map

READ = "import cv2, numpy, sys; numpy.save(sys.argv[2], cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED)[..., ::-1])"


@pytest.fixture
def position_map():
    return torch.randn(3, 37, 53, generator=torch.Generator().manual_seed(0)) * 80 + 100


def test_npy_is_exact(tmp_path, position_map):
    save_position_map(tmp_path / "map.npy", position_map)
    np.testing.assert_array_equal(load_position_map(tmp_path / "map.npy"), position_map.numpy().transpose(1, 2, 0))


def test_png_holds_16_bits_and_its_range(tmp_path, position_map):
    save_position_map(tmp_path / "map.png", position_map)
    step = float(position_map.max() - position_map.min()) / 65535
    want = position_map.numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(load_position_map(tmp_path / "map.png"), want, atol=0.51 * step)


@pytest.mark.parametrize("shape", [(3, 37, 53), (3, 1, 1), (3, 16, 16), (3, 33, 2)])
def test_exr_is_read_bit_for_bit_by_openexr(tmp_path, shape):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    save_position_map(tmp_path / "map.exr", values)
    run = [sys.executable, "-c", READ, str(tmp_path / "map.exr"), str(tmp_path / "read.npy")]
    done = subprocess.run(run, env=os.environ | {"OPENCV_IO_ENABLE_OPENEXR": "1"}, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this OpenCV reads no OpenEXR")
    np.testing.assert_array_equal(np.load(tmp_path / "read.npy"), values.numpy().transpose(1, 2, 0))


def test_smooth_exr_is_smaller_than_its_values(tmp_path):
    line = torch.linspace(0, 255, 256)
    save_position_map(tmp_path / "map.exr", torch.stack([line.expand(256, 256)] * 3))
    assert (tmp_path / "map.exr").stat().st_size < 256 * 256 * 12 / 4


def test_constant_map(tmp_path):
    save_position_map(tmp_path / "map.png", np.full((4, 4, 3), 7.5))
    np.testing.assert_allclose(load_position_map(tmp_path / "map.png"), 7.5)


def test_a_large_png_takes_little_more_than_its_values(tmp_path):
    save_position_map(
        tmp_path / "map.png", np.linspace(0, 255, 2048 * 2048 * 3, dtype=np.float32).reshape(2048, 2048, 3)
    )
    tracemalloc.start()
    values = load_position_map(tmp_path / "map.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * values.nbytes


def test_a_part_that_says_it_is_larger_than_the_file_is_refused(tmp_path, position_map):
    save_position_map(tmp_path / "map.png", position_map)
    content = (tmp_path / "map.png").read_bytes()
    at = content.index(b"IDAT") - 4
    (tmp_path / "map.png").write_bytes(content[:at] + (900_000_000).to_bytes(4, "big") + content[at + 4 :])
    with pytest.raises(ValueError, match="map.png.*a part of 900000000 bytes goes beyond its end"):
        load_position_map(tmp_path / "map.png")


def test_bad_input_is_one_sentence(tmp_path, position_map):
    with pytest.raises(ValueError, match=r"must end in .npy, .exr, .png"):
        save_position_map(tmp_path / "map.tiff", position_map)
    with pytest.raises(ValueError, match=r"must be torch \(3, U, V\) or NumPy \(U, V, 3\), got \(37, 53\)"):
        save_position_map(tmp_path / "map.npy", position_map[0])
    with pytest.raises(ValueError, match="must be finite for .png"):
        save_position_map(tmp_path / "map.png", position_map * float("nan"))
    (tmp_path / "photo.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match="is not a position map"):
        load_position_map(tmp_path / "photo.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png"]
