"""The parameter vector of the 3DDFA family: pose, identity, expression (and texture), and its whitening."""

import json
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pyface3d.atomic import write_whole
from pyface3d.camera.flips import FLIPS
from pyface3d.camera.whitening import read_release
from pyface3d.foreign.damage import reading
from pyface3d.foreign.regular import open_regular
from pyface3d.foreign.tensors import read_safetensors

POSE_LENGTH = 12
T_Z = 11  # entry of t_z, which no picture shows

#: length of the vector -> (identity, expression, texture) coefficients: 3DDFA, 3DDFA_V2's two longer ones,
#: SynergyNet's label files
LAYOUTS = {62: (40, 10, 0), 72: (40, 20, 0), 102: (40, 10, 40), 141: (100, 29, 0)}


class ParameterSpace(nn.Module):
    """Names the slices of a parameter vector and whitens it.

    The vector is ``[pose 12 | identity | expression | texture]``. The pose is the row-major 3x4 matrix [f R | t] in
    the frame of the crop, y up; ``flip`` names how its vertices reach image pixels (:func:`pyface3d.camera.flip_y`).
    A network regresses the whitened vector ``(p - mean) / std``.

    Un-whitened entries span nine orders of magnitude (f R near 1e-4, identity near 1e5 for the Basel model), so
    :meth:`unwhiten` always answers in float32 or wider, also under autocast, and ``.half()`` leaves the two tables in
    float32.

    3DDFA and 3DDFA_V2 whiten with different tables that must not be exchanged; a space carries its own.

    Args:
        mean: (P,) mean over the training set; zeros where left out.
        std: (P,) standard deviation over the training set, positive; ones where left out.
        n_identity: identity coefficients.
        n_expression: expression coefficients.
        n_texture: texture coefficients at the end of the vector (SynergyNet's label files carry 40).
        size: side of the crop in pixels.
        flip: ``"3ddfa"``, ``"3ddfa_v2"`` or ``"face3d"``.

    Raises:
        ValueError: if a table is not (P,), holds a value that is not finite, or a std is not positive.

    Example:
        >>> space = ParameterSpace(n_identity=40, n_expression=10)
        >>> pose, coeffs = space.split(space.unwhiten(torch.zeros(2, 62)))
        >>> pose.shape, coeffs.shape
        (torch.Size([2, 3, 4]), torch.Size([2, 50]))
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Any = None,
        std: Any = None,
        n_identity: int = 40,
        n_expression: int = 10,
        n_texture: int = 0,
        size: int = 120,
        flip: str = "face3d",
    ) -> None:
        super().__init__()
        if flip not in FLIPS:
            raise ValueError(f"ParameterSpace: flip must be one of {', '.join(FLIPS)}, got {flip!r}")
        self.n_identity, self.n_expression, self.n_texture = int(n_identity), int(n_expression), int(n_texture)
        self.size, self.flip = int(size), flip
        if min(self.n_identity, self.n_expression, self.n_texture) < 0 or self.size < 1:
            counts = f"{self.n_identity} + {self.n_expression} + {self.n_texture} coefficients and size {self.size}"
            raise ValueError(f"ParameterSpace: counts must not be negative and size must be positive, got {counts}")
        self.register_buffer("mean", self._table("mean", mean, 0.0))
        self.register_buffer("std", self._table("std", std, 1.0))
        if not bool((self.std > 0).all()):
            raise ValueError("ParameterSpace: std must be positive everywhere; give constant entries a std of 1")

    def _table(self, name: str, values: Any, default: float) -> Tensor:
        if values is None:
            return torch.full((self.n_params,), default)
        table = torch.as_tensor(values).detach().clone()
        table = table.to(torch.promote_types(table.dtype, torch.float32))
        if table.shape != (self.n_params,):
            raise ValueError(f"ParameterSpace: {name} must be ({self.n_params},), got {tuple(table.shape)}")
        if not bool(table.isfinite().all()):
            raise ValueError(f"ParameterSpace: {name} must be finite, got NaN or infinity")
        return table

    def _apply(self, fn: Any, recurse: bool = True) -> "ParameterSpace":
        tables = {"mean": self.mean, "std": self.std}
        super()._apply(fn, recurse)
        for name, table in tables.items():
            moved = getattr(self, name)
            if moved.dtype in (torch.float16, torch.bfloat16):  # one cannot hold 5e5, the other not 1e-4 precisely
                setattr(self, name, table.to(moved.device))
        return self

    @property
    def n_params(self) -> int:
        """Length P of the vector."""
        return POSE_LENGTH + self.n_identity + self.n_expression + self.n_texture

    @property
    def n_coeffs(self) -> int:
        """Shape coefficients K, identity and expression."""
        return self.n_identity + self.n_expression

    @property
    def slices(self) -> dict[str, slice]:
        """Where each part lies: ``"pose"``, ``"identity"``, ``"expression"``, ``"texture"``."""
        ends = [0, POSE_LENGTH, self.n_identity, self.n_expression, self.n_texture]
        ends = np.cumsum(ends).tolist()
        names = ("pose", "identity", "expression", "texture")
        return {name: slice(start, stop) for name, start, stop in zip(names, ends[:-1], ends[1:])}

    def whiten(self, params: Tensor) -> Tensor:
        """(..., P) un-whitened -> (..., P) whitened, float32 or wider."""
        self._check("whiten", params)
        return (self._wide(params) - self.mean) / self.std

    def unwhiten(self, params: Tensor) -> Tensor:
        """(..., P) whitened, of any float type -> (..., P) un-whitened, float32 or wider."""
        self._check("unwhiten", params)
        return self._wide(params) * self.std + self.mean

    def split(self, params: Tensor) -> tuple[Tensor, Tensor]:
        """Un-whitened (..., P) -> pose (..., 3, 4) and shape coefficients (..., K), identity first; texture is left
        out.
        """
        self._check("split", params)
        pose = params[..., :POSE_LENGTH].unflatten(-1, (3, 4))
        return pose, params[..., POSE_LENGTH : POSE_LENGTH + self.n_coeffs]

    def join(self, pose: Tensor, coeffs: Tensor, texture: Tensor | None = None) -> Tensor:
        """Pose (..., 3, 4) and coefficients (..., K) -> (..., P); texture is zero where left out. The inverse of
        :meth:`split`.
        """
        if pose.shape[-2:] != (3, 4):
            raise ValueError(f"ParameterSpace.join: pose must be (..., 3, 4), got {tuple(pose.shape)}")
        if coeffs.shape[-1] != self.n_coeffs:
            raise ValueError(f"ParameterSpace.join: coeffs must be (..., {self.n_coeffs}), got {tuple(coeffs.shape)}")
        if texture is None:
            texture = coeffs.new_zeros(*coeffs.shape[:-1], self.n_texture)
        return torch.cat([pose.flatten(-2), coeffs, texture], -1)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values; :meth:`from_dict` reads it back without loss."""
        return {**self._header(), "mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ParameterSpace":
        """Builds the space that :meth:`to_dict` described."""
        return cls(**values)

    def save(self, path: str | os.PathLike) -> None:
        """Writes tables and layout to one safetensors file, atomically."""
        from safetensors.torch import save as serialize  # only writing needs it

        tables = {"mean": self.mean.cpu().contiguous(), "std": self.std.cpu().contiguous()}
        write_whole(path, serialize(tables, metadata={"parameter_space": json.dumps(self._header())}))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "ParameterSpace":
        """Reads what :meth:`save` wrote, or a whitening table of 3DDFA or 3DDFA_V2 (pickle or npz), by the content."""
        with open_regular(path) as stream:
            start = stream.read(2)
        if start.startswith(b"\x80") or start == b"PK":  # a pickle, an npz
            tables = read_release(path)
            with reading(path, "ParameterSpace"):
                return cls.of_length(len(tables["mean"]), **tables)
        tensors, metadata = read_safetensors(path, "ParameterSpace.load")
        if "parameter_space" not in metadata:
            raise ValueError(f"ParameterSpace.load: {path} holds no parameter space; write it with ParameterSpace.save")
        with reading(path, "ParameterSpace.load"):
            return cls(mean=tensors["mean"], std=tensors["std"], **json.loads(metadata["parameter_space"]))

    @classmethod
    def of_length(cls, length: int, **options: Any) -> "ParameterSpace":
        """The space of a published vector length: 62, 72, 102 or 141 (:data:`LAYOUTS`). ``options`` as in the
        constructor.
        """
        if length not in LAYOUTS:
            raise ValueError(f"ParameterSpace.of_length: length must be one of {sorted(LAYOUTS)}, got {length}")
        n_identity, n_expression, n_texture = LAYOUTS[length]
        return cls(n_identity=n_identity, n_expression=n_expression, n_texture=n_texture, **options)

    @classmethod
    def of_model(cls, model: Any, mean: Any = None, std: Any = None, **options: Any) -> "ParameterSpace":
        """The space of as many coefficients as a face model has; other arguments as in the constructor."""
        return cls(mean, std, model.n_identity, model.n_expression, **options)

    @classmethod
    def measured(cls, params: Tensor, n_identity: int = 40, n_expression: int = 10, **options: Any) -> "ParameterSpace":
        """The space whose tables are mean and population std of ``params`` (M, P), un-whitened; a constant entry gets
        a std of 1.
        """
        wide = params.double()
        constant = wide.amax(0) == wide.amin(0)
        std = torch.where(constant, torch.ones_like(wide[0]), wide.std(0, correction=0))
        return cls(wide.mean(0).float(), std.float(), n_identity, n_expression, **options)

    def extra_repr(self) -> str:
        """One line for ``print(space)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self._header().items())

    def _header(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("n_identity", "n_expression", "n_texture", "size", "flip")}

    def _check(self, caller: str, params: Tensor) -> None:
        if params.ndim < 1 or params.shape[-1] != self.n_params:
            raise ValueError(
                f"ParameterSpace.{caller}: params must be (..., {self.n_params}), got {tuple(params.shape)}"
            )

    @staticmethod
    def _wide(params: Tensor) -> Tensor:
        return params.to(torch.promote_types(params.dtype, torch.float32))


def pad_params(params: Tensor) -> Tensor:
    """Completes the two short vectors that some 3DDFA exporters write to 62 entries.

    Args:
        params: (..., 12) pose alone (50 zero coefficients are appended), (..., 61) without t_z (a zero is inserted at
            11), or (..., 62).

    Returns:
        (..., 62).

    Raises:
        ValueError: for another length.

    Example:
        >>> pad_params(torch.ones(61))[11]
        tensor(0.)
    """
    length = params.shape[-1]
    if length == 62:
        return params
    if length == 12:
        return torch.cat([params, params.new_zeros(*params.shape[:-1], 50)], -1)
    if length == 61:
        return torch.cat([params[..., :T_Z], torch.zeros_like(params[..., :1]), params[..., T_Z:]], -1)
    raise ValueError(f"pad_params: params must be (..., 12), (..., 61) or (..., 62), got {tuple(params.shape)}")
