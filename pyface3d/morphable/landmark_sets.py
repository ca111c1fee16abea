"""Named sets of landmarks on a face model: each point the weighted mean of a few vertices, usually of one triangle."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pyface3d.morphable.arrays import ArrayOrTensor, as_index, as_real

DEFAULT = "300w-lp"  # the 68 points where 300W-LP, AFLW2000-3D and the networks trained on them have them
_MANY = 2**40  # no bound on vertex ids: the set does not know its model


@dataclass(frozen=True, eq=False)
class LandmarkSet:
    """L landmarks of one convention as surface points: barycentric in a triangle, or any weighted mean of vertices.

    A point on the surface has the three corners of its triangle; where the surface has a hole (pupils, an open mouth)
    the corners are vertices of its rim. A convention's point that the model lacks has corners of -1.

    Attributes:
        corners: (L, S) int64 vertex ids, S = 3 for surface points; -1 throughout the row of a point that is missing.
        weights: (L, S) float32, each row with a sum of one; zero where missing.

    Raises:
        ValueError: the shapes differ, a row of corners is -1 in part, or weights do not sum to one.

    Example:
        >>> points = LandmarkSet.of_vertices([4, 8, -1])
        >>> len(points), points.mask.tolist()
        (3, [True, True, False])
    """

    corners: Tensor
    weights: Tensor

    def __post_init__(self) -> None:
        corners = as_index("corners", self.corners, (None, None), _MANY, least=-1).cpu().clone()
        weights = as_real("weights", self.weights, (None, None)).detach().cpu().float()
        if corners.shape != weights.shape or not corners.shape[1:].numel():
            got = f"{tuple(corners.shape)} and {tuple(weights.shape)}"
            raise ValueError(f"LandmarkSet: corners and weights must both be (L, S), got {got}")
        missing = corners == -1
        if bool((missing.any(1) != missing.all(1)).any()):
            raise ValueError("LandmarkSet: corners must be vertex ids, or -1 in the whole row of a missing point")
        weights = torch.where(missing, torch.zeros(()), weights)
        off = (weights.sum(1) - (~missing[:, 0]).float()).abs()
        if not bool((off < 1e-3).all()):
            raise ValueError(
                f"LandmarkSet: weights of a point must sum to one, got sums off by {float(off.amax()):.3g}"
            )
        object.__setattr__(self, "corners", corners)
        object.__setattr__(self, "weights", weights)

    @classmethod
    def of_vertices(cls, ids: ArrayOrTensor) -> "LandmarkSet":
        """Landmarks that are vertices (L,); -1 where the model lacks the point."""
        corners = as_index("landmarks", ids, (None,), _MANY, least=-1)[:, None]
        return cls(corners, (corners >= 0).float())

    @property
    def mask(self) -> Tensor:
        """(L,) bool: the points that the model has."""
        return self.corners[:, 0] >= 0

    def __len__(self) -> int:
        return len(self.corners)

    def __getitem__(self, index: Tensor | slice | list[int]) -> "LandmarkSet":
        """Some of the points, in the order given."""
        return LandmarkSet(self.corners[index], self.weights[index])

    def of(self, values: Tensor) -> Tensor:
        """What values (N, ...) of the vertices are at the points (L, ...); zero at points that are missing."""
        corners, weights = self.corners.clamp_min(0).to(values.device), self.weights.to(values)
        total = torch.zeros_like(values[corners[:, 0]])
        for k in range(corners.shape[1]):  # S is 3: no (L, S, ...) array of a wide basis
            total += values[corners[:, k]] * weights[:, k].reshape(-1, *[1] * (values.ndim - 1))
        return total

    def combined(self, matrix: Tensor) -> "LandmarkSet":
        """The points (M) that are linear combinations (M, L) of these, missing where one that they need is."""
        used = (matrix != 0).sum(1).max()
        share, chosen = matrix.cpu().float().abs().topk(int(used), dim=1)  # (M, U)
        share = matrix.cpu().float().gather(1, chosen) * (share > 0)
        corners = self.corners[chosen]  # (M, U, S)
        weights = self.weights[chosen] * share[..., None]
        lacking = ((corners[..., 0] < 0) & (share != 0)).any(1)
        corners = torch.where(corners < 0, corners.amax((1, 2), keepdim=True), corners)  # rows of no share
        corners = torch.where(lacking[:, None, None], -1, corners).flatten(1)
        return LandmarkSet(corners, weights.flatten(1))

    def renumbered(self, place: Tensor) -> "LandmarkSet":
        """The set after vertex n became ``place[n]`` (N,); points that lose a vertex (-1) are missing."""
        moved = torch.where(self.corners >= 0, place.cpu()[self.corners.clamp_min(0)], -1)
        kept = ((moved >= 0) | (self.weights == 0)).all(1) & self.mask
        corners = torch.where(moved < 0, moved.amax(1, keepdim=True), moved)
        return LandmarkSet(torch.where(kept[:, None], corners, -1), self.weights)

    def hash(self) -> str:
        """SHA-256 (hex) of corners and weights."""
        arrays = self.corners.contiguous().numpy(), self.weights.contiguous().numpy()
        return hashlib.sha256(
            f"{tuple(self.corners.shape)}".encode() + b"".join(a.tobytes() for a in arrays)
        ).hexdigest()


class LandmarkBasis(nn.Module):
    """Mean (L, 3) and basis (L, 3, K) of a landmark set, gathered once; follows the model to its device and dtype."""

    mean: Tensor
    basis: Tensor
    mask: Tensor | None  # (L, 1) bool, None where no point is missing

    def __init__(self, points: LandmarkSet, mean: Tensor, basis: Tensor) -> None:
        super().__init__()
        missing = None if bool(points.mask.all()) else points.mask[:, None].to(mean.device)
        for name, tensor in (("mean", points.of(mean)), ("basis", points.of(basis)), ("mask", missing)):
            self.register_buffer(name, tensor, persistent=False)


def split_landmarks(
    landmarks: ArrayOrTensor | None, sets: Mapping[str, LandmarkSet] | None
) -> tuple[ArrayOrTensor | None, dict[str, LandmarkSet]]:
    """Landmark vertices of which some are -1 are no vertices to count on: they become the partial default set."""
    found = dict(sets or {})
    if landmarks is not None:
        points = LandmarkSet.of_vertices(landmarks)
        if not bool(points.mask.all()):
            found.setdefault(DEFAULT, points)
            landmarks = None
    return landmarks, found


def completed(
    sets: Mapping[str, LandmarkSet], landmarks: Tensor | None, forehead: Tensor | None, n_vertices: int
) -> dict[str, LandmarkSet]:
    """The named sets of a model: those given, and those that its landmark vertices stand for.

    Raises:
        ValueError: a name with a dot, or a corner that is no vertex of the model.
    """
    found = dict(sets)
    for name, points in found.items():
        if not name or "." in name:
            raise ValueError(f"MorphableModel: landmark_sets must have names without dots, got {name!r}")
        if points.corners.numel() and int(points.corners.max()) >= n_vertices:
            got = int(points.corners.max())
            raise ValueError(f"MorphableModel: landmark_sets[{name!r}] must be in [0, {n_vertices}), got {got}")
    for name, ids in ((DEFAULT, landmarks), ("forehead13", forehead)):
        if name not in found and ids is not None:
            found[name] = LandmarkSet.of_vertices(ids)
    return found
