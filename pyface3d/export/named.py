"""Meshes whose morph targets have names that engines know."""

from typing import Any

from torch import Tensor

from pyface3d.export.mesh import Mesh
from pyface3d.morphable import MorphableModel
from pyface3d.morphable.default import arkit_coeffs, arkit_twin


def named_mesh(model: MorphableModel, coeffs: Tensor, **look: Any) -> Mesh:
    """The face of coefficients (K,) with morph targets: ARKit's by name on the embedded model, else its own modes."""
    twin = arkit_twin(model)
    if twin is None or model.blendshapes is None:
        return Mesh.from_model(model, coeffs, **look)
    shape = model.cpu().synthesize(coeffs[None])[0]
    return Mesh.from_model(twin, arkit_coeffs(model, twin, coeffs[None])[0], shape, **look)
