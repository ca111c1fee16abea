"""Morph targets of the GLBs that users get have names that engines know, not those of columns."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from pyface3d import MorphableModel
from pyface3d.cli import app
from pyface3d.export import Mesh
from pyface3d.export.named import named_mesh
from pyface3d.morphable import ARKIT_NAMES


def names_in(path):
    content = path.read_bytes()
    document = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    return document["meshes"][0]["extras"]["targetNames"]


def test_fit_writes_targets_of_arkit(tmp_path):
    model = MorphableModel.default()
    points = model.landmarks68(torch.zeros(1, model.n_coeffs))[0, :, :2] * torch.tensor([8.0, -8.0]) + 200
    np.save(tmp_path / "face.npy", points.numpy())
    done = CliRunner().invoke(app, ["fit", str(tmp_path / "face.npy"), "--out", str(tmp_path / "face.glb")])
    assert done.exit_code == 0, done.output
    assert names_in(tmp_path / "face.glb") == [name for name in ARKIT_NAMES if name != "tongueOut"]


def test_reconstructed_faces_have_them_too(tmp_path):
    from pyface3d import Reconstructor, create_method
    from pyface3d.images import demo_picture

    method = create_method("compact", width=0.05, size=32).eval()
    (face,) = Reconstructor(method, detector="whole")(demo_picture("portrait"))
    face.save(tmp_path / "face.glb")
    assert set(names_in(tmp_path / "face.glb")) <= set(ARKIT_NAMES)


@pytest.mark.parametrize("parts", ["face", "head"])
def test_the_face_shown_is_the_one_given(parts):
    model = MorphableModel.default(parts)
    coeffs = model.sample(1, torch.Generator().manual_seed(0))[0]
    mesh, plain = named_mesh(model, coeffs), Mesh.from_model(model, coeffs)
    shown, wanted = (
        m.vertices + sum(w * move for w, move in zip(m.morph_weights, m.morph_targets.values())) for m in (mesh, plain)
    )
    np.testing.assert_allclose(shown, wanted, atol=1e-6)
    assert set(mesh.morph_targets) < set(ARKIT_NAMES) and not set(plain.morph_targets) & set(ARKIT_NAMES)
    other = model._replaced(name="other")
    assert named_mesh(other, coeffs).morph_targets.keys() == plain.morph_targets.keys()
