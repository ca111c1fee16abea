"""Small files that would become large ones, and files that point elsewhere: refused before they do harm."""

import io
import os
import pickle
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from scipy.io import savemat

from pyface3d.foreign import Limits, limits, raised_limits
from pyface3d.foreign.arrays import read_npy, read_npz
from pyface3d.foreign.checkpoints import read_checkpoint
from pyface3d.foreign.hdf5 import read_hdf5
from pyface3d.foreign.matlab import parse_mat, read_mat
from pyface3d.foreign.regular import open_regular, read_bytes
from pyface3d.images import read_photo
from pyface3d.morphable import load_model
from pyface3d.nets.weights import read_state


def header(shape, descr="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def test_npz_that_unpacks_to_far_more(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as stream:
        stream.write(header((25 << 20,)))
        for _ in range(100):
            stream.write(bytes(1 << 20))
    assert path.stat().st_size < 200_000
    for read in (read_npz, load_model):
        with pytest.raises(ValueError, match=r"bomb.npz.*would unpack to 104,857,728|holds no face model"):
            read(path)
    with raised_limits(model_ratio=10_000):
        assert read_npz(path)["a"].nbytes == 100 << 20


@pytest.mark.parametrize("shape", [(1 << 60,), (0, 1 << 60), (-4,), (1 << 31, 1 << 31), (2.5,), "x"])
def test_npy_whose_shape_is_a_lie(tmp_path, shape):
    path = tmp_path / "lie.npy"
    path.write_bytes(header(shape) + bytes(64))
    with pytest.raises(ValueError, match="lie.npy"):
        read_npy(path)


@pytest.mark.parametrize("descr", ["|O", "|V8", [("a", "<f4")], "<M8[s]"])
def test_npy_of_other_types(tmp_path, descr):
    path = tmp_path / "objects.npy"
    path.write_bytes(header((1,), descr) + pickle.dumps(print))
    with pytest.raises(ValueError, match="none of plain numbers"):
        read_npy(path)


def test_mat_that_unpacks_to_far_more(tmp_path):
    path = tmp_path / "bomb.mat"
    savemat(path, {"a": np.zeros(16 << 20)}, do_compression=True)
    assert path.stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"bomb.mat.*far more than its size"):
        read_mat(path)
    savemat(path, {"a": np.arange(6.0).reshape(2, 3)}, do_compression=True)
    np.testing.assert_array_equal(read_mat(path)["a"], np.arange(6.0).reshape(2, 3))


def test_mat_agrees_with_scipy(tmp_path):
    random = np.random.default_rng(0)
    content = {f"a{kind}": random.integers(0, 100, (3, 4)).astype(kind) for kind in "bhilBHILfd"}
    content |= {
        "complex": random.random((2, 2)) + 1j,
        "empty": np.zeros((0, 3)),
        "text": "word",
        "cube": np.ones((2, 3, 4)),
    }
    content["struct"] = {"x": np.arange(3.0), "inner": {"y": 2.0}}
    for compress in (False, True):
        savemat(tmp_path / "a.mat", content, do_compression=compress)
        got = read_mat(tmp_path / "a.mat")
        assert got["text"] == "word" and got["struct"]["inner"]["y"] == 2.0
        np.testing.assert_array_equal(got["struct"]["x"], [[0.0, 1.0, 2.0]])
        for name, value in content.items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(got[name], value)
                assert got[name].dtype == value.dtype.newbyteorder("=") and got[name].shape == value.shape
    with pytest.raises(ValueError, match="no MATLAB file"):
        parse_mat(b"MATLAB 5.0 " + bytes(30))


def test_hdf5_that_points_elsewhere_or_never_ends(tmp_path):
    h5py = pytest.importorskip("h5py")
    path, other = tmp_path / "hostile.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(4.0)
    (tmp_path / "raw.bin").write_bytes(bytes(32))
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "secret", (4,))
    with h5py.File(path, "w") as file:
        file["linked"] = h5py.ExternalLink(str(other), "secret")
        file["soft"] = h5py.SoftLink("/good")
        file["good"] = np.arange(3.0)
        file.create_dataset("raw", (4,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 32)])
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("filled", (1 << 40,), "f8", fillvalue=1.0, chunks=(1 << 20,))
        file.create_dataset("objects", data=["a"], dtype=h5py.string_dtype())
    np.testing.assert_array_equal(read_hdf5(path, ["good", "absent"])["good"], np.arange(3.0))
    for name, words in (
        ("linked", "link to elsewhere"), ("soft", "link to elsewhere"), ("raw", "other files"),
        ("virtual", "other files"), ("filled", "no array of numbers of the file's size"),
        ("objects", "no array of numbers"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=rf"hostile.h5.*{words}"):
            read_hdf5(path, [name])


def test_checkpoints_of_both_layouts_are_read_without_torch_s_loader(tmp_path):
    state = {
        "a.weight": torch.arange(12.0).reshape(3, 4).T,
        "b": torch.ones(2, dtype=torch.bfloat16),
        "c": torch.tensor(3),
    }
    state["shared"] = state["a.weight"][1:]
    for zipped in (True, False):
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        got = read_state(tmp_path / "a.pth")
        assert got.keys() == state.keys()
        assert all(torch.equal(got[name], tensor) and got[name].dtype == tensor.dtype for name, tensor in state.items())
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(ValueError, match=r"module.pth asks for torch.nn.modules.linear.Linear"):
        read_state(tmp_path / "module.pth")


def test_a_checkpoint_that_unpacks_to_far_more(tmp_path):
    torch.save({"a": torch.zeros(25 << 20)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in plain.namelist():
            bomb.writestr(name, plain.read(name))
    assert (tmp_path / "bomb.pth").stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"bomb.pth.*would unpack to 104,8"):
        read_state(tmp_path / "bomb.pth")


def test_a_tensor_wider_than_its_storage(tmp_path):
    path = tmp_path / "wide.pth"
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, path)
    with pytest.raises(ValueError, match="does not lie in its storage of 1 elements"):
        read_checkpoint(path)


def test_eos_json_and_the_rest_of_the_nesting(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text('{"value0": ' + "[" * 200_000 + "]" * 200_000 + "}")
    with pytest.raises(ValueError, match="deep.json"):
        load_model(path)


def test_only_regular_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.mat")
    for path in (tmp_path / "pipe.mat", "/dev/zero", tmp_path):
        with pytest.raises(ValueError, match="no regular file|a folder"):
            open_regular(path)
    with pytest.raises(ValueError, match="no regular file"):
        load_model(tmp_path / "pipe.mat")
    with (tmp_path / "sparse.jpg").open("wb") as stream:
        stream.truncate(8 << 30)
    assert stat.S_ISREG((tmp_path / "sparse.jpg").stat().st_mode)
    for read in (read_photo, lambda path: read_bytes(path, "photo_bytes")):
        with pytest.raises(ValueError, match="raise the limit photo_bytes"):
            read(tmp_path / "sparse.jpg")
        with pytest.raises(ValueError, match="no regular file"):
            read("/dev/zero")


def test_limits_are_named_and_can_be_raised():
    assert limits() == Limits()
    assert Limits().with_changes("photo_pixels=4e8, entry_ratio=7") == Limits(photo_pixels=400_000_000, entry_ratio=7)
    for wrong in ("photo_pixel=3", "photo_pixels=-1", "photo_pixels=many", "photo_pixels"):
        with pytest.raises(ValueError, match="limits: "):
            Limits().with_changes(wrong)
    code = "from pyface3d.foreign import limits; print(limits().entry_ratio)"
    environment = os.environ | {"PYFACE3D_LIMITS": "entry_ratio=9"}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "9\n"


def test_ten_megabytes_never_become_a_gigabyte(tmp_path):
    """The largest that each limit lets through, each in a process that measures itself."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pad.npy", os.urandom(9 << 20))
        with archive.open("a.npy", "w") as stream:
            stream.write(header((150 << 18,)) + bytes(150 << 20))
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04" + b"]" * 700_000 + b"e" * 5 + bytes(9 << 20))
    code = """
import re
from pyface3d.foreign.arrays import read_npz
from pyface3d.foreign.pickles import load_pickle
for read, path in ((read_npz, "a.npz"), (load_pickle, "a.pkl")):
    try:
        read(path)
    except ValueError as error:
        assert path in str(error)
# ru_maxrss would count the process that started this one
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10)
"""
    peak = int(subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True))
    assert peak < 1024, peak


def test_reading_makes_no_more_room_than_the_file_needs(tmp_path):
    (tmp_path / "small.npy").write_bytes(header((4,)) + bytes(16))
    code = (
        "import resource, sys; from pyface3d.foreign.arrays import read_npy;"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (64 << 20);"
        "resource.setrlimit(resource.RLIMIT_AS, (used, used)); print(read_npy('small.npy').shape)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True) == "(4,)\n"
