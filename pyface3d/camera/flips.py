"""The field's three ways from a y-up pose frame to image pixels, by name."""

import torch
from torch import Tensor

FLIPS = ("3ddfa", "3ddfa_v2", "face3d")

# y_image = size + offset - y, and what is subtracted from x and z
_Y_OFFSET = {"3ddfa": 1.0, "3ddfa_v2": 0.0, "face3d": -1.0}
_XZ_SHIFT = {"3ddfa": 0.0, "3ddfa_v2": 1.0, "face3d": 0.0}


def flip_y(vertices: Tensor, size: float, name: str = "face3d") -> Tensor:
    """Takes posed vertices from the y-up frame to image pixels (x right, y down).

    * ``"3ddfa"`` (3DDFA, SynergyNet, DAMDNet): ``y <- size + 1 - y``; the result lies on MATLAB's 1-based pixel grid.
    * ``"3ddfa_v2"``: ``x <- x - 1``, ``y <- size - y``, ``z <- z - 1``; the same points on the 0-based grid.
    * ``"face3d"`` (face3d, PRNet, and the weights shipped here): ``y <- size - 1 - y``; 0-based.

    Args:
        vertices: (..., N, 3), or (..., N, 2) without depth, y up.
        size: height of the image or crop in pixels.
        name: which convention.

    Returns:
        Tensor of the shape of ``vertices``, in pixels, y down.

    Raises:
        ValueError: for an unknown name or points that are neither 2-D nor 3-D.

    Example:
        >>> flip_y(torch.tensor([[10.0, 20.0, 5.0]]), 120, "3ddfa_v2")
        tensor([[  9., 100.,   4.]])
    """
    _check("flip_y", vertices, name)
    sign, shift = _sign_and_shift(vertices, size, name)
    return vertices * sign + shift


def unflip_y(vertices: Tensor, size: float, name: str = "face3d") -> Tensor:
    """Takes image pixels back to the y-up pose frame: the inverse of :func:`flip_y`.

    Args:
        vertices: (..., N, 3) or (..., N, 2) in pixels, y down.
        size: height of the image or crop in pixels.
        name: which convention.

    Returns:
        Tensor of the shape of ``vertices``, y up.

    Raises:
        ValueError: for an unknown name or points that are neither 2-D nor 3-D.

    Example:
        >>> unflip_y(flip_y(torch.tensor([[10.0, 20.0]]), 120), 120)
        tensor([[10., 20.]])
    """
    _check("unflip_y", vertices, name)
    sign, shift = _sign_and_shift(vertices, size, name)
    return (vertices - shift) * sign


def _sign_and_shift(vertices: Tensor, size: float, name: str) -> tuple[Tensor, Tensor]:
    """Image = up * sign + shift, per coordinate; sign is its own inverse."""
    dims = vertices.shape[-1]
    xz = -_XZ_SHIFT[name]
    sign = vertices.new_tensor([1.0, -1.0, 1.0][:dims])
    shift = vertices.new_tensor([xz, size + _Y_OFFSET[name], xz][:dims])
    return sign, shift


def _check(caller: str, vertices: Tensor, name: str) -> None:
    if name not in FLIPS:
        raise ValueError(f"{caller}: name must be one of {', '.join(FLIPS)}, got {name!r}")
    if not isinstance(vertices, torch.Tensor) or vertices.ndim < 1 or vertices.shape[-1] not in (2, 3):
        got = tuple(vertices.shape) if isinstance(vertices, torch.Tensor) else type(vertices).__name__
        raise ValueError(f"{caller}: vertices must be a tensor (..., N, 2) or (..., N, 3), got {got}")
