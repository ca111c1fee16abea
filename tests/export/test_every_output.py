"""Every type of output on a full disk, under a limit on the size of files, and by two processes in one folder."""

import json
import subprocess
import sys

import pytest

SAVE = """
import errno, json, os, resource, sys
from pathlib import Path
import numpy as np
import torch
from pyface3d import MorphableModel, ParameterSpace
from pyface3d.evaluation.curves import draw_curves
from pyface3d.evaluation.worst import Thumbnail, draw_contact_sheet
from pyface3d.export import Mesh, save_mesh, save_position_map
from pyface3d.methods import create_method, save_weights
from pyface3d.page import PageFace, write_page
from pyface3d.render import save_animation, save_picture

random = np.random.default_rng(0)
points, triangles = random.normal(size=(400, 3)).astype(np.float32), random.integers(0, 400, (900, 3))
basis = random.normal(size=(400, 3, 2)).astype(np.float32)
model, head = MorphableModel(points, basis, basis, triangles), MorphableModel.default("head", expression="blendshapes")
mesh, values = Mesh(points, triangles), random.random((64, 64, 3), np.float32)
picture = random.integers(0, 256, (128, 128, 3), dtype=np.uint8)
thumbnail = Thumbnail(3.0, "a", torch.from_numpy(random.integers(0, 256, (3, 160, 160), dtype=np.uint8)))
method = create_method("mobile_frnet")
page = [PageFace("a", coeffs=np.zeros(head.n_coeffs))]

SAVERS = {
    "face.obj": lambda path: save_mesh(path, mesh), "face.ply": lambda path: save_mesh(path, mesh),
    "face.glb": lambda path: save_mesh(path, mesh), "map.npy": lambda path: save_position_map(path, values),
    "map.exr": lambda path: save_position_map(path, values), "map.png": lambda path: save_position_map(path, values),
    "face.png": lambda path: save_picture(path, picture), "face.jpg": lambda path: save_picture(path, picture),
    "face.gif": lambda path: save_animation(path, picture[None]), "model.npz": lambda path: model.save(path),
    "model.safetensors": lambda path: model.save(path), "weights.safetensors": lambda path: save_weights(method, path),
    "space.safetensors": lambda path: ParameterSpace(n_identity=2000, n_expression=200).save(path),
    "faces.html": lambda path: write_page(path, page, head),
    "worst.png": lambda path: draw_contact_sheet([thumbnail], path),
    "ced.png": lambda path: draw_curves({"a": random.random(50)}, path, 10.0),
}
"""
LIMITED = """
told = {}
for name, save in SAVERS.items():
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    path = folder / name
    save(path)
    size, wrong = path.stat().st_size, []
    for limit in sorted({0, 1, 16, size // 2, size - 1}):
        path.write_bytes(b"what stood here before")
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save(path)
            outcome = "no error"
        except OSError as error:
            outcome = "" if name in str(error) else f"a sentence without the name: {error}"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if path.read_bytes() != b"what stood here before":
            outcome += " changed"
        if [entry.name for entry in folder.iterdir()] != [name]:
            outcome += " left something"
        wrong += [f"{limit} of {size} bytes: {outcome}"] if outcome else []
    told[name] = wrong
print(json.dumps(told))
"""
FULL = """
told, place = {}, Path(sys.argv[1])
filler = place / "filler"
for name, save in SAVERS.items():
    path = place / name
    path.write_bytes(b"what stood here before")
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    with filler.open("r+b") as stream:
        stream.truncate(max(0, filler.stat().st_size - 4096))  # a page is free
    try:
        save(path)
        outcome = "no error"
    except OSError as error:
        outcome = "" if name in str(error) else f"a sentence without the name: {error}"
    filler.unlink()
    if path.read_bytes() != b"what stood here before":
        outcome += " changed"
    if [entry.name for entry in place.iterdir()] != [name]:
        outcome += " left something"
    path.unlink()
    told[name] = [outcome] if outcome else []
print(json.dumps(told))
"""
TWICE = """
for _ in range(5):
    for name, save in SAVERS.items():
        if name not in ("weights.safetensors", "faces.html", "ced.png"):
            save(Path(sys.argv[1]) / name)
"""


def said(code, folder, *before):
    done = subprocess.run([*before, sys.executable, "-c", SAVE + code, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_no_byte_count_leaves_half_a_file(tmp_path):
    told = said(LIMITED, tmp_path)
    assert len(told) == 16 and not any(told.values()), told


def test_full_disk(tmp_path):
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"', "sh"]
    try:
        if subprocess.run([*mount, str(tmp_path), "true"], capture_output=True).returncode:
            pytest.skip("a file system cannot be mounted here")
    except FileNotFoundError:
        pytest.skip("no unshare")
    told = said(FULL, tmp_path, *mount, str(tmp_path))
    assert len(told) == 16 and not any(told.values()), told


def test_two_processes_in_one_folder(tmp_path):
    run = [sys.executable, "-c", SAVE + TWICE, str(tmp_path)]
    pair = [subprocess.Popen(run, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in pair:
        assert process.communicate()[1] == "" and process.returncode == 0
    assert len(list(tmp_path.iterdir())) == 13
    assert not list(tmp_path.glob(".*"))
