"""Weights of networks, ONNX files, parameter spaces and recipes."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np


def _state() -> dict[str, Any]:
    import torch

    return {"layer.weight": torch.arange(12.0).reshape(3, 4).T, "layer.bias": torch.ones(3, dtype=torch.bfloat16)}


def write_pth(path: Path, zipped: bool) -> None:
    import torch

    torch.save({"state_dict": _state()}, path, _use_new_zipfile_serialization=zipped)


def write_weights(path: Path) -> None:
    from safetensors.torch import save_file

    card = {
        "method": "a",
        "arguments": {},
        "face_model": {"name": "a", "hash": "b", "unit": "cm"},
        "images": {"size": 1},
    }
    save_file({name: tensor.contiguous() for name, tensor in _state().items()}, path, {"pyface3d": json.dumps(card)})


def read_weights(path: Path) -> Any:
    from pyface3d.methods.card import read_card
    from pyface3d.nets.weights import read_state

    return read_state(path), read_card(path)


def write_method(path: Path) -> None:
    import torch

    from pyface3d.methods import create_method, save_weights

    torch.manual_seed(0)
    save_weights(create_method("compact", width=0.05, size=32), path)


def write_onnx(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = [1, 3, 4, 4]
    node = helper.make_node("Relu", ["image"], ["params"])
    image, params = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "params"))
    model = helper.make_model(helper.make_graph([node], "g", [image], [params]), ir_version=8)
    model.opset_import[0].version = 13
    card = {
        "method": "a", "images": {"size": 4, "channels": "RGB", "offset": 0, "scale": 1, "crop": "roi_from_landmarks"},
        "parameter_space": {"mean": [0.0] * 15, "std": [1.0] * 15, "n_identity": 2, "n_expression": 1, "flip": "3ddfa"},
        "face_model": {"name": "a", "hash": "b"},
    }  # fmt: skip
    helper.set_model_props(model, {"pyface3d": json.dumps(card)})
    onnx.save(model, path)


def write_space(path: Path) -> None:
    from pyface3d import ParameterSpace

    ParameterSpace(n_identity=2, n_expression=1).save(path)


def write_whitening(path: Path) -> None:
    path.write_bytes(pickle.dumps({"mean": np.zeros(62, np.float32), "std": np.ones(62, np.float32)}, protocol=4))


def write_recipe(path: Path) -> None:
    path.write_text(
        "method: mobile_frnet\nsteps: 10\nlearning_rate: 1e-3\naugment: {strength: 0.5}\ndata:\n- synthetic:8\n"
    )
