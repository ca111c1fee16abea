"""The library's kernels without torch: NumPy in, NumPy out, for programs that deploy a trained method.

Needs numpy; ``OnnxReconstructor`` also onnxruntime and, for models in safetensors files, safetensors.

Example:
    >>> import numpy as np
    >>> from pyface3d import runtime
    >>> runtime.synthesize_shape(np.zeros((5, 3)), np.ones((5, 3, 2)), np.ones((1, 2))).shape
    (1, 5, 3)
"""

from pyface3d.runtime.geometry import (
    interpolate,
    project_weak_perspective,
    rasterize,
    render_position_map,
    sample_position_map,
    simd_level,
    synthesize_shape,
    vertex_normals,
)
from pyface3d.runtime.model import FaceModel, load_model
from pyface3d.runtime.onnx_reconstructor import OnnxReconstructor, PlacedFace
from pyface3d.runtime.render import render

__all__ = [
    "FaceModel",
    "PlacedFace",
    "OnnxReconstructor",
    "interpolate",
    "load_model",
    "project_weak_perspective",
    "rasterize",
    "render",
    "render_position_map",
    "sample_position_map",
    "simd_level",
    "synthesize_shape",
    "vertex_normals",
]
