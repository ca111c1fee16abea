"""Meshes whose morph targets have names that engines know."""

from typing import Any

import torch
from torch import Tensor

from pyface3d.export.mesh import Mesh
from pyface3d.morphable import ARKIT_NAMES, MorphableModel
from pyface3d.morphable.default import arkit_twin


def named_mesh(model: MorphableModel, coeffs: Tensor, **look: Any) -> Mesh:
    """The face of coefficients (K,) with morph targets: ARKit's by name on the embedded model, else its own modes."""
    twin = arkit_twin(model)
    if twin is None or model.blendshapes is None:
        return Mesh.from_model(model, coeffs, **look)
    identity, expression = model.split(coeffs[None])
    names = model.blendshapes.to_arkit(expression)[:, [ARKIT_NAMES.index(name) for name in twin.expression_names]]
    shape = model.cpu().synthesize(coeffs[None])[0]
    return Mesh.from_model(twin, torch.cat([identity, names], 1)[0], shape, **look)
