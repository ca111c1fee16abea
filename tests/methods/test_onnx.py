import json

import numpy as np
import pytest
import torch

from pyface3d import MorphableModel
from pyface3d.methods import onnx as export
from pyface3d.methods.card import CARD

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

NAMES = ["joint", "marn", "mobile_frnet", "position_map_small", "prnet", "synergynet", "tddfa", "weight_mask"]


def _session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", NAMES)
def test_onnx_answers_as_torch_does(name, small_method, pictures, tmp_path):
    method = small_method(name)
    export.export_onnx(method, tmp_path / "method.onnx", landmarks=True)
    session = _session(tmp_path / "method.onnx")
    for batch in (1, 3):
        faces = method.predict(pictures(method, batch))
        images = method.preprocess(pictures(method, batch))
        with torch.no_grad():
            outputs = method(images)
        outputs = [*(outputs if isinstance(outputs, tuple) else (outputs,)), faces.landmarks]
        answers = session.run(None, {"image": images.numpy()})
        assert len(answers) == len(outputs)
        for answer, output in zip(answers, outputs):
            scale = max(1.0, float(output.abs().max()))
            np.testing.assert_allclose(answer, output.numpy(), rtol=1e-4, atol=1e-4 * scale)


def test_metadata_tells_a_runtime_what_it_needs(small_method, face_model, tmp_path):
    method = small_method("mobile_frnet")
    export.export_onnx(method, tmp_path / "method.onnx")
    session = _session(tmp_path / "method.onnx")
    card = json.loads(session.get_modelmeta().custom_metadata_map[CARD])
    assert card["face_model"]["hash"] == face_model.hash()
    assert card["images"] == method.images.to_dict()
    assert card["parameter_space"] == method.space.to_dict()
    assert [output.name for output in session.get_outputs()] == ["params"]
    assert session.get_inputs()[0].name == "image" and session.get_inputs()[0].shape[1:] == [3, 120, 120]


def test_maps_tell_their_scale(small_method, tmp_path):
    method = small_method("position_map_small")
    export.export_onnx(method, tmp_path / "method.onnx")
    session = _session(tmp_path / "method.onnx")
    assert float(session.get_modelmeta().custom_metadata_map["position_map_pixels"]) == method.scale.pixels
    assert [output.name for output in session.get_outputs()] == ["position_map"]


def test_landmarks_need_a_model_that_has_them(small_method, face_model, tmp_path):
    bare = MorphableModel(
        face_model.mean, face_model.identity_basis, face_model.expression_basis, face_model.triangles, name="bare"
    )
    method = small_method("tddfa")
    method.model = bare
    with pytest.raises(ValueError, match="bare has no 68 landmarks"):
        export.export_onnx(method, tmp_path / "x.onnx", landmarks=True)
    assert not list(tmp_path.iterdir())
