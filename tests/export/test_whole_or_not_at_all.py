import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest

from pyface3d.atomic import atomic_write
from pyface3d.export import Mesh, save_mesh

SAVE = {
    "face.obj": "save_mesh(path, mesh)",
    "face.ply": "save_mesh(path, mesh)",
    "face.glb": "save_mesh(path, mesh)",
    "map.npy": "save_position_map(path, values)",
    "map.exr": "save_position_map(path, values)",
    "map.png": "save_position_map(path, values)",
    "face.png": "save_picture(path, picture)",
    "face.gif": "save_animation(path, picture[None])",
}
FULL_DISK = """
import sys, numpy as np
from pyface3d import MorphableModel
from pyface3d.export import Mesh, save_mesh, save_position_map
from pyface3d.render import save_animation, save_picture
random = np.random.default_rng(0)
mesh, values = Mesh.from_model(MorphableModel.default()), random.random((64, 64, 3), np.float32)
picture, path = random.integers(0, 256, (128, 128, 3), dtype=np.uint8), sys.argv[1]
try:
    {save}
except OSError as error:
    print("refused:", error)
"""


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing beyond the limit fails with an error, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))


@pytest.mark.parametrize("name", SAVE)
def test_full_disk_leaves_the_old_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"what stood here before")
    run = [sys.executable, "-c", FULL_DISK.format(save=SAVE[name]), str(tmp_path / name)]
    done = subprocess.run(run, preexec_fn=limit_file_size, capture_output=True, text=True)
    assert "refused" in done.stdout and name in done.stdout, (done.stdout, done.stderr)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"what stood here before"


def test_failure_in_the_block_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="halfway"), atomic_write(tmp_path / "a.txt") as stream:
        stream.write(b"half")
        raise RuntimeError("halfway")
    assert not list(tmp_path.iterdir())


def test_replaces_and_takes_the_usual_mode(tmp_path):
    (tmp_path / "plain.txt").write_text("a")
    with atomic_write(tmp_path / "a.txt") as stream:
        stream.write(b"old")
    with atomic_write(tmp_path / "a.txt") as stream:
        stream.write(b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "face.ply")
    for path in (tmp_path / "face.ply", os.devnull):
        with pytest.raises(OSError, match=f"device, pipe or socket: '{path}'"), atomic_write(path) as stream:
            stream.write(b"content")
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True] and not os.path.isfile(os.devnull)


def test_missing_folder_is_named(tmp_path):
    mesh = Mesh(np.eye(3), [[0, 1, 2]])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_mesh(tmp_path / "nowhere" / "face.ply", mesh)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="face.glb"):
        save_mesh(tmp_path / "face.glb", Mesh(np.eye(3), [[0, 1, 2]]))
    tmp_path.chmod(0o700)
    assert not list(tmp_path.iterdir())


def test_read_only_file_system():
    if not os.path.isdir("/proc/self"):
        pytest.skip("no /proc")
    with pytest.raises(OSError, match="face.ply"):
        save_mesh("/proc/self/face.ply", Mesh(np.eye(3), [[0, 1, 2]]))
