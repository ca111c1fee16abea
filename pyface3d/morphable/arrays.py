"""Checked conversion of the arrays a face model is built from."""

from typing import overload

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

ArrayOrTensor = ArrayLike | Tensor
Shape = tuple[int | None, ...]


@overload
def as_real(name: str, array: ArrayOrTensor, shape: Shape) -> Tensor: ...
@overload
def as_real(name: str, array: ArrayOrTensor | None, shape: Shape) -> Tensor | None: ...
def as_real(name: str, array: ArrayOrTensor | None, shape: Shape) -> Tensor | None:
    """``array`` as a floating-point tensor of the given shape, in which None stands for any size."""
    if array is None:
        return None
    tensor = _as_tensor(array)
    if tensor.is_complex():
        raise TypeError(f"MorphableModel: {name} must hold real numbers, got {tensor.dtype}")
    _check_shape(name, tensor, shape)
    return tensor if tensor.is_floating_point() else tensor.float()


@overload
def as_index(name: str, array: ArrayOrTensor, shape: Shape, size: int, least: int = 0) -> Tensor: ...
@overload
def as_index(name: str, array: ArrayOrTensor | None, shape: Shape, size: int, least: int = 0) -> Tensor | None: ...
def as_index(name: str, array: ArrayOrTensor | None, shape: Shape, size: int, least: int = 0) -> Tensor | None:
    """``array`` as an int64 tensor of the given shape with entries in [least, size)."""
    if array is None:
        return None
    tensor = _as_tensor(array)
    if tensor.is_floating_point() or tensor.is_complex():
        raise TypeError(f"MorphableModel: {name} must hold integers, got {tensor.dtype}")
    _check_shape(name, tensor, shape)
    tensor = tensor.to(torch.int64)
    if tensor.numel():
        low, high = int(tensor.min()), int(tensor.max())
        if low < least or high >= size:
            raise ValueError(f"MorphableModel: {name} must be in [{least}, {size}), got {low} to {high}")
    return tensor


def checked_buffers(
    mean: ArrayOrTensor,
    identity_basis: ArrayOrTensor,
    expression_basis: ArrayOrTensor,
    triangles: ArrayOrTensor,
    identity_std: ArrayOrTensor | None,
    expression_std: ArrayOrTensor | None,
    uv: ArrayOrTensor | None,
    uv_triangles: ArrayOrTensor | None,
    landmarks: ArrayOrTensor | None,
    forehead: ArrayOrTensor | None,
    colors: ArrayOrTensor | None,
) -> dict[str, Tensor | None]:
    """The buffers of a ``MorphableModel``, all with the dtype and device of ``mean``; arguments as there."""
    middle = as_real("mean", mean, (None, 3))
    n = len(middle)
    identity = as_real("identity_basis", identity_basis, (n, 3, None)).to(middle)
    expression = as_real("expression_basis", expression_basis, (n, 3, None)).to(middle)
    n_identity, n_expression = identity.shape[2], expression.shape[2]
    corners = as_index("triangles", triangles, (None, 3), n)
    chart = as_real("uv", uv, (None, 2))
    if chart is not None and uv_triangles is None:
        uv_triangles = corners
    n_uv = 0 if chart is None else len(chart)
    buffers = {
        "mean": middle,
        "basis": torch.cat([identity, expression], dim=2),
        "identity_std": as_real("identity_std", identity_std, (n_identity,)),
        "expression_std": as_real("expression_std", expression_std, (n_expression,)),
        "triangles": corners,
        "uv": chart,
        "uv_triangles": as_index("uv_triangles", uv_triangles, tuple(corners.shape), n_uv),
        "landmarks": as_index("landmarks", landmarks, (68,), n),
        "forehead": as_index("forehead", forehead, (13,), n),
        "colors": as_real("colors", colors, (n, 3)),
    }
    for std, count in (("identity_std", n_identity), ("expression_std", n_expression)):
        if buffers[std] is None:
            buffers[std] = torch.ones(count)
    for name, tensor in buffers.items():
        if tensor is not None:
            buffers[name] = tensor.to(middle) if tensor.is_floating_point() else tensor.to(middle.device)
    return buffers


def _as_tensor(array: ArrayOrTensor) -> Tensor:
    if isinstance(array, Tensor):
        return array
    array = np.asarray(array)
    if array.dtype.kind == "u":
        array = array.astype(np.int64)  # torch lacks arithmetic on the wider unsigned types
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return torch.from_numpy(native if native.flags.writeable else native.copy())


def _check_shape(name: str, tensor: Tensor, shape: Shape) -> None:
    if tensor.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, tensor.shape)):
        wanted = ", ".join("*" if size is None else str(size) for size in shape)
        raise ValueError(f"MorphableModel: {name} must be ({wanted}), got {tuple(tensor.shape)}")
