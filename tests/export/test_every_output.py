"""Every type of output on a full disk, under a limit on the size of files, and by two processes in one folder."""

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
SAVERS = {name: lambda folder, name=name, save=save: save(folder / name) for name, save in SAVERS.items()}
FREE = 4096  # bytes on the full disk: a page, for the name of a file and its beginning
"""
TWICE = """
for _ in range(5):
    for name, save in SAVERS.items():
        if name not in ("weights.safetensors", "faces.html", "ced.png"):
            save(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("disk", ["limited", "full"])
def test_what_does_not_fit_leaves_no_half_a_file(disk, told_of):
    told = told_of(SAVE, disk)
    assert len(told) == 16 and not any(told.values()), told


def test_two_processes_in_one_folder(tmp_path):
    run = [sys.executable, "-c", SAVE + TWICE, str(tmp_path)]
    pair = [subprocess.Popen(run, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in pair:
        assert process.communicate()[1] == "" and process.returncode == 0
    assert len(list(tmp_path.iterdir())) == 13
    assert not list(tmp_path.glob(".*"))
