"""Small sets written by fixtures: pictures of noise, labels whose points are the default face's own."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from pyface3d import MorphableModel
from pyface3d.camera import flip_y
from pyface3d.data import read_mat


@pytest.fixture(scope="session")
def picture():
    """Makes the bytes of a picture file."""

    def make(size=(64, 64), kind="JPEG", seed=0, mode="RGB"):
        values = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), np.uint8)
        stream = io.BytesIO()
        Image.fromarray(values).convert(mode).save(stream, kind)
        return stream.getvalue()

    return make


@pytest.fixture(scope="session")
def model():
    return MorphableModel.default()


@pytest.fixture(scope="session")
def basel():
    """A model with the sizes of the labels (199 + 29): the default face's first modes stand in for the Basel ones."""
    face = MorphableModel.default()
    identity = torch.cat([face.identity_basis, torch.zeros(face.n_vertices, 3, 159)], 2)
    expression = torch.cat([face.expression_basis, torch.zeros(face.n_vertices, 3, 19)], 2)
    return face._replaced(
        identity_basis=identity, expression_basis=expression, identity_std=None, expression_std=None,
        expression_names=None, blendshapes=None,
    )  # fmt: skip


@pytest.fixture(scope="session")
def mat_bytes(basel):
    """Makes the bytes of a label whose points are the model's own, in a 450 x 450 image."""

    def make(mirrored=False, with_points=True, **changes):
        sign = -1 if mirrored else 1
        fields = {
            "Pose_Para": np.array([[-0.2, 0.4 * sign, 0.1 * sign, 225.0, 240.0, -60.0, 11.0]]),
            "Shape_Para": np.random.default_rng(0).normal(size=(199, 1)),
            "Exp_Para": np.random.default_rng(1).normal(size=(29, 1)) * 0.2,
        }
        fields |= changes
        stream = io.BytesIO()
        savemat(stream, fields)
        if with_points:
            label = read_mat(stream.getvalue())
            coeffs = torch.cat([label.identity, label.expression])[None]
            points = flip_y(basel.synthesize(coeffs, label.pose[None], basel.landmarks), 450, "3ddfa")[0]
            if mirrored:  # as 300W-LP stores it: mirrored where it lies, numbers as they were
                unmirrored = read_mat(make()).points + 1
                points = torch.stack([451 - unmirrored[:, 0], unmirrored[:, 1]], 1)
                points = torch.cat([points, points[:, :1] * 0], 1)
            stream = io.BytesIO()
            savemat(stream, fields | {"pt2d": points[:, :2].T.numpy()})
        return stream.getvalue()

    return make


@pytest.fixture
def mat_folder(tmp_path, picture, mat_bytes):
    folder = tmp_path / "set"
    (folder / "AFW").mkdir(parents=True)
    for number in range(4):
        (folder / f"AFW/face_{number}.jpg").write_bytes(picture((450, 450), seed=number))
        (folder / f"AFW/face_{number}.mat").write_bytes(mat_bytes())
    return folder


@pytest.fixture
def aflw_folder(tmp_path, picture):
    """Three crops with points; the box of the third is empty."""
    folder = tmp_path / "aflw"
    folder.mkdir()
    points = np.random.default_rng(0).uniform(20, 80, (3, 2, 21)).astype(np.float32)
    points[1, :, 4] = -1
    np.savez(folder / "train.npz", names=["a", "b", "c"], pts21=points, yaw=np.array([1.0, -50, 80], np.float32),
             roi_box=np.array([[10, 10, 130, 130], [0, 0, 240, 240], [5, 5, 5, 5]], np.uint16))  # fmt: skip
    (folder / "train_crops").mkdir()
    for name in "abc":
        (folder / f"train_crops/{name}.jpg").write_bytes(picture((120, 120)))
    return folder


@pytest.fixture
def celeba_folder(tmp_path, picture):
    """One image of each official part."""
    folder = tmp_path / "celeba"
    images = folder / "img_align_celeba"
    images.mkdir(parents=True)
    names = ["000001.jpg", "162771.jpg", "182638.jpg"]
    for name in names:
        (images / name).write_bytes(picture((178, 218)))
    header = " ".join(f"A{k}" for k in range(40))
    lines = [f"{name}  {' '.join('1' if k % 2 else '-1' for k in range(40))}" for name in names]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["3", header, *lines]) + "\n")
    return folder
