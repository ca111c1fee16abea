"""Plain-torch shape synthesis."""

import torch
from torch import Tensor

from pyface3d.ops.reference.project_weak_perspective import project_weak_perspective


def synthesize_shape(
    mean: Tensor, basis: Tensor, coeffs: Tensor, pose: Tensor | None = None, indices: Tensor | None = None
) -> Tensor:
    """``S = mean + basis c``, posed when ``pose`` is given: -> (B, N, 3)."""
    if indices is not None:
        mean, basis = mean[indices], basis[indices]
    shape = mean + torch.einsum("ndk,bk->bnd", basis, coeffs)  # (B, N, 3)
    return shape if pose is None else project_weak_perspective(shape, pose)
