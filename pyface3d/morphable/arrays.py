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
def as_index(name: str, array: ArrayOrTensor, shape: Shape, size: int) -> Tensor: ...
@overload
def as_index(name: str, array: ArrayOrTensor | None, shape: Shape, size: int) -> Tensor | None: ...
def as_index(name: str, array: ArrayOrTensor | None, shape: Shape, size: int) -> Tensor | None:
    """``array`` as an int64 tensor of the given shape with entries in [0, size)."""
    if array is None:
        return None
    tensor = _as_tensor(array)
    if tensor.is_floating_point() or tensor.is_complex():
        raise TypeError(f"MorphableModel: {name} must hold integers, got {tensor.dtype}")
    _check_shape(name, tensor, shape)
    tensor = tensor.to(torch.int64)
    if tensor.numel():
        low, high = int(tensor.min()), int(tensor.max())
        if low < 0 or high >= size:
            raise ValueError(f"MorphableModel: {name} must be in [0, {size}), got {low} to {high}")
    return tensor


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
