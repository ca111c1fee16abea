"""pyface3d's own model file: safetensors (or npz) with a JSON header, checked by the hash of its content.

Arrays are those of the ``MorphableModel`` constructor by name, parts as ``part.<name>``, landmark sets as
``landmark_set.<name>.corners`` and ``.weights``, and blendshapes as ``blendshapes.directions`` and
``blendshapes.gram``; the header holds name, unit, names, the hash of the model and one of each landmark set.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyface3d.atomic import atomic_write
from pyface3d.foreign.damage import reading
from pyface3d.foreign.model_files import FORMAT, read_model_file
from pyface3d.morphable.blendshapes import Blendshapes
from pyface3d.morphable.landmark_sets import LandmarkSet
from pyface3d.morphable.model import MorphableModel

VERSION = 2
READABLE = (1, 2)  # version 1 had no landmark sets


def save_native(model: MorphableModel, path: str | Path) -> None:
    """Write ``model`` to ``path``: npz where the name ends so, else safetensors."""
    from safetensors.torch import save  # only writing needs it

    tensors, header = _disassemble(model)
    with atomic_write(path) as stream:
        if Path(path).suffix == ".npz":
            arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
            np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)
        else:
            stream.write(save(tensors, metadata={"format": FORMAT, "header": json.dumps(header)}))


def load_native(path: str | Path) -> MorphableModel:
    """Read what ``save_native`` wrote, whatever its name.

    Raises:
        ValueError: the file is damaged, or is not one of ours.
    """
    path = Path(path)
    with reading(path):
        arrays, header = read_model_file(path, "load_model", "pt")
        tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
        if header.get("version") not in READABLE:
            raise ValueError(f"load_model: {path} has version {header.get('version')}, this library reads 1 and 2")
        model = _assemble(tensors, header)
        sets = {name: points.hash() for name, points in model.landmark_sets.items()}
        if model.hash() == header.get("hash") and sets == header.get("landmark_sets", sets):
            return model
        raise ValueError(f"load_model: {path} is damaged: its content does not have the hash that it names")


def _disassemble(model: MorphableModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors: dict[str, Tensor] = {
        name: tensor for name, tensor in model.named_buffers(recurse=False) if name != "basis"
    }
    tensors["identity_basis"], tensors["expression_basis"] = model.identity_basis, model.expression_basis
    tensors |= {f"part.{name}": ids for name, ids in model.parts.items()}
    for name, points in model.landmark_sets.items():
        tensors |= {f"landmark_set.{name}.corners": points.corners, f"landmark_set.{name}.weights": points.weights}
    header = {
        "version": VERSION,
        "name": model.name,
        "unit": model.unit,
        "hash": model.hash(),
        "expression_names": model.expression_names,
        "parts": list(model.parts),
        "landmark_sets": {name: points.hash() for name, points in model.landmark_sets.items()},
    }
    if model.blendshapes is not None:
        header["blendshapes"] = model.blendshapes.names
        tensors["blendshapes.directions"] = torch.from_numpy(model.blendshapes.directions)
        tensors["blendshapes.gram"] = torch.from_numpy(model.blendshapes.gram)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, header


def _assemble(tensors: dict[str, Tensor], header: dict[str, Any]) -> MorphableModel:
    blendshapes = None
    if "blendshapes" in header:
        arrays = [tensors.pop(f"blendshapes.{name}").numpy() for name in ("directions", "gram")]
        blendshapes = Blendshapes(header["blendshapes"], *arrays)
    parts = {name: tensors.pop(f"part.{name}") for name in header["parts"]}
    sets = {
        name: LandmarkSet(*(tensors.pop(f"landmark_set.{name}.{array}") for array in ("corners", "weights")))
        for name in header.get("landmark_sets", ())
    }
    names = {key: header[key] for key in ("name", "unit", "expression_names")}
    return MorphableModel(  # type: ignore[misc]
        **tensors,  # type: ignore[arg-type]
        parts=parts,
        landmark_sets=sets,
        blendshapes=blendshapes,
        **names,
    )
