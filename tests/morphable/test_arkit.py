import json

import numpy as np
import torch

from pyface3d import MorphableModel
from pyface3d.export import Mesh, save_mesh
from pyface3d.morphable import ARKIT_NAMES, from_arkit_matrix, to_arkit_matrix


def test_names_are_apples_52():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    assert ARKIT_NAMES[0] == "eyeBlinkLeft" and ARKIT_NAMES[17] == "jawOpen" and ARKIT_NAMES[-1] == "tongueOut"


def test_matrices_undo_each_other_but_for_the_tongue():
    names = MorphableModel.default().blendshapes.names
    there, back = from_arkit_matrix(names), to_arkit_matrix(names)
    assert there.shape == (52, 53) and back.shape == (53, 52)
    assert (there.sum(0) == 1).all()  # each of the model's shapes has a name of Apple's
    expected = np.eye(52)
    expected[ARKIT_NAMES.index("tongueOut")] = 0
    np.testing.assert_allclose(there @ back, expected)


def test_weights_come_back():
    face = MorphableModel.default(expression="blendshapes")
    weights = torch.zeros(2, 52)
    for name, value in (("jawOpen", 0.7), ("mouthSmileLeft", 0.5), ("browInnerUp", 0.9), ("cheekPuff", 0.3)):
        weights[0, ARKIT_NAMES.index(name)] = value
    found = face.blendshapes.to_arkit(face.blendshapes.from_arkit(weights))
    torch.testing.assert_close(found, weights, atol=1e-3, rtol=0)
    assert MorphableModel.default().blendshapes.to_arkit(torch.zeros(0, 10)).shape == (0, 52)


def test_the_embedded_face_with_arkits_expressions(tmp_path):
    face, named = MorphableModel.default(), MorphableModel.default(expression="arkit")
    assert named.expression_names == [name for name in ARKIT_NAMES if name != "tongueOut"]
    whole = MorphableModel.default(expression="blendshapes")
    weights = torch.zeros(1, 52)
    weights[0, [ARKIT_NAMES.index("browInnerUp"), ARKIT_NAMES.index("jawOpen")]] = torch.tensor([0.4, 0.6])
    same = torch.cat([torch.zeros(1, 40), weights[:, :51]], 1)
    other = torch.cat([torch.zeros(1, 40), whole.blendshapes.from_arkit(weights)], 1)
    torch.testing.assert_close(named.synthesize(same), whole.synthesize(other), atol=1e-4, rtol=1e-4)
    # targets by these names, and exactly the face that was given
    coeffs = face.sample(1, torch.Generator().manual_seed(0))
    expression = face.blendshapes.to_arkit(coeffs[:, 40:])[:, :51]
    shape = face.synthesize(coeffs)[0]
    mesh = Mesh.from_model(named, torch.cat([coeffs[:, :40], expression], 1)[0], shape)
    shown = mesh.vertices + sum(w * move for w, move in zip(mesh.morph_weights, mesh.morph_targets.values()))
    np.testing.assert_allclose(shown, 0.01 * shape.numpy(), atol=1e-6)
    save_mesh(tmp_path / "face.glb", mesh)
    content = (tmp_path / "face.glb").read_bytes()
    document = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    assert document["meshes"][0]["extras"]["targetNames"] == named.expression_names
    assert all(0 <= weight <= 1 for weight in document["meshes"][0]["weights"])
