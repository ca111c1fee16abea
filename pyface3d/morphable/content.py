"""What a face model is made of: its arrays and names, their sizes and their hash."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pyface3d.morphable.arrays import ArrayOrTensor, as_index, checked_buffers
from pyface3d.morphable.blendshapes import Blendshapes
from pyface3d.morphable.landmark_sets import DEFAULT, LandmarkBasis, LandmarkSet, completed, split_landmarks

METERS = {"m": 1.0, "dm": 1e-1, "cm": 1e-2, "mm": 1e-3, "um": 1e-6}  # of the units that models come in


class ModelContent(nn.Module):
    """The arrays of a :class:`MorphableModel`, checked and kept as buffers; arguments as there."""

    mean: Tensor
    basis: Tensor
    triangles: Tensor
    identity_std: Tensor
    expression_std: Tensor
    uv: Tensor | None
    uv_triangles: Tensor | None
    landmarks: Tensor | None
    forehead: Tensor | None
    colors: Tensor | None

    def __init__(
        self,
        mean: ArrayOrTensor,
        identity_basis: ArrayOrTensor,
        expression_basis: ArrayOrTensor,
        triangles: ArrayOrTensor,
        *,
        identity_std: ArrayOrTensor | None = None,
        expression_std: ArrayOrTensor | None = None,
        uv: ArrayOrTensor | None = None,
        uv_triangles: ArrayOrTensor | None = None,
        landmarks: ArrayOrTensor | None = None,
        forehead: ArrayOrTensor | None = None,
        landmark_sets: Mapping[str, LandmarkSet] | None = None,
        colors: ArrayOrTensor | None = None,
        parts: Mapping[str, ArrayOrTensor] | None = None,
        expression_names: Sequence[str] | None = None,
        blendshapes: Blendshapes | None = None,
        unit: str = "cm",
        name: str = "model",
    ):
        super().__init__()
        landmarks, landmark_sets = split_landmarks(landmarks, landmark_sets)
        buffers = checked_buffers(
            mean, identity_basis, expression_basis, triangles, identity_std, expression_std, uv, uv_triangles,
            landmarks, forehead, colors,
        )  # fmt: skip
        for key, tensor in buffers.items():
            self.register_buffer(key, tensor, persistent=False)
        self.n_identity, self.n_expression = len(self.identity_std), len(self.expression_std)
        self.unit, self.name, self.blendshapes = unit, name, blendshapes
        self.expression_names = list(expression_names or (f"expression_{k}" for k in range(self.n_expression)))
        if len(self.expression_names) != self.n_expression:
            got = len(self.expression_names)
            raise ValueError(f"MorphableModel: expression_names must have {self.n_expression} names, got {got}")
        n = self.n_vertices
        self.landmark_sets = completed(landmark_sets, self.landmarks, self.forehead, n)
        bases = {name: LandmarkBasis(points, self.mean, self.basis) for name, points in self.landmark_sets.items()}
        self._landmark_bases = nn.ModuleDict({f"set:{name}": basis for name, basis in bases.items()})
        self.parts = {key: as_index(f"parts[{key!r}]", ids, (None,), n) for key, ids in (parts or {}).items()}

    @property
    def n_vertices(self) -> int:
        """Number of vertices N."""
        return len(self.mean)

    @property
    def n_coeffs(self) -> int:
        """Number of coefficients K = K_i + K_e."""
        return self.basis.shape[2]

    @property
    def identity_basis(self) -> Tensor:
        """(N, 3, K_i), a view of ``basis``."""
        return self.basis[..., : self.n_identity]

    @property
    def expression_basis(self) -> Tensor:
        """(N, 3, K_e), a view of ``basis``."""
        return self.basis[..., self.n_identity :]

    @property
    def std(self) -> Tensor:
        """(K,) standard deviations of all coefficients, identity first."""
        return torch.cat([self.identity_std, self.expression_std])

    @property
    def landmarks81(self) -> Tensor:
        """(81,) vertex ids: the 68 landmarks and the 13 forehead points 68 to 80."""
        if self.landmarks is None or self.forehead is None:
            raise ValueError(f"MorphableModel.landmarks81: {self.name} has no 81-point scheme")
        return torch.cat([self.landmarks, self.forehead])

    def landmark_basis(self, name: str = DEFAULT) -> LandmarkBasis:
        """Mean (L, 3) and basis (L, 3, K) of a landmark set, or of one that follows from it.

        Raises:
            ValueError: the model has no such landmarks.
        """
        if name in self.landmark_sets:
            return self._landmark_bases[f"set:{name}"]  # type: ignore[return-value]
        from pyface3d.morphable.conventions import find_landmarks

        return LandmarkBasis(find_landmarks(self, name), self.mean, self.basis)

    def part_triangles(self, part: str) -> Tensor:
        """(F_part,) ids of the triangles of a part; one that joins two parts belongs to the later one."""
        if part not in self.parts:
            known = ", ".join(self.parts) or "no parts"
            raise ValueError(f"MorphableModel.part_triangles: {part!r} is none of {known}")
        order = torch.zeros(self.n_vertices, dtype=torch.int64, device=self.triangles.device)
        for rank, ids in enumerate(self.parts.values(), start=1):
            order[ids.to(order.device)] = rank
        latest = order[self.triangles].amax(dim=1)  # (F,)
        return (latest == 1 + list(self.parts).index(part)).nonzero()[:, 0]

    def hash(self) -> str:
        """SHA-256 (hex) of the arrays that define the model, whatever their device or floating precision in memory.

        Landmark sets, like parts, only name places of the model and do not count.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.named_buffers(recurse=False)):
            array = (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().contiguous().numpy()
            digest.update(f"{name}{array.shape}".encode() + array.tobytes())
        return digest.hexdigest()

    def _apply(self, fn: Any, recurse: bool = True) -> "ModelContent":
        if self.mean.numel() and fn(self.mean[:1]).dtype == torch.float16:
            largest = max(float(tensor.abs().amax()) for tensor in (self.mean, self.basis) if tensor.numel())
            if largest > torch.finfo(torch.float16).max:
                raise ValueError(f"MorphableModel.half: float16 ends at 65504, got {largest:.0f}; use bfloat16")
        return super()._apply(fn, recurse)

    def extra_repr(self) -> str:
        """One line for ``repr``."""
        return (
            f"{self.name!r}, n_vertices={self.n_vertices}, n_triangles={len(self.triangles)}, "
            f"n_identity={self.n_identity}, n_expression={self.n_expression}, unit={self.unit!r}"
        )
