"""Face models with joints: FLAME's neck, jaw and eyes, by linear blend skinning with pose-corrective shapes."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pyface3d import ops
from pyface3d.morphable.arrays import ArrayOrTensor, as_real
from pyface3d.morphable.conventions import find_landmarks
from pyface3d.morphable.landmark_sets import DEFAULT, LandmarkSet
from pyface3d.morphable.model import MorphableModel

FLAME_JOINTS = ("root", "neck", "jaw", "eye_left", "eye_right")


class ArticulatedModel(nn.Module):
    """A face model whose vertices follow joints: ``V = sum_j w_j A_j (S + correctives, 1)``.

    FLAME (Li et al. 2017, "Learning a model of facial shape and expression from 4D scans", eq. 1 to 5): S is the
    linear model's shape; the joints lie where a regressor has them in it; each turns what hangs on it in the tree; and
    correctives are multiples of the entries of the turns less the identity. These are columns of one basis with the
    identity's and the expression's, so that a face costs one synthesis and one skinning.

    Args:
        model: the face at rest.
        joint_regressor: (J, N) weights of the vertices whose mean is each joint.
        parents: (J,) joint that each hangs on, -1 for the first; parents come first.
        skin_weights: (J, N) how much each vertex follows each joint; a vertex's sum to one.
        correctives: (N, 3, 9 (J - 1)) displacements by the turns of all joints but the first, row-major; None: none.
        joint_names: (J,) names; FLAME's of five joints.

    Raises:
        ValueError: an array has the wrong shape, or the joints are no tree.

    Example:
        >>> model = MorphableModel.default()
        >>> n = model.n_vertices
        >>> rigid = ArticulatedModel(model, torch.full((1, n), 1 / n), [-1], torch.ones(1, n))
        >>> rigid.synthesize(model.sample(2), torch.zeros(2, 1, 3)).shape
        torch.Size([2, 9409, 3])
    """

    skin_weights: Tensor
    joint_mean: Tensor  # (J, 3)
    joint_basis: Tensor  # (J, 3, K)
    basis: Tensor  # (N, 3, K + P): the linear model's columns and the correctives

    def __init__(
        self,
        model: MorphableModel,
        joint_regressor: ArrayOrTensor,
        parents: Sequence[int],
        skin_weights: ArrayOrTensor,
        correctives: ArrayOrTensor | None = None,
        joint_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.parents, n = tuple(int(parent) for parent in parents), model.n_vertices
        count = len(self.parents)
        if not count or self.parents[0] != -1 or any(not 0 <= p < j for j, p in enumerate(self.parents[1:], start=1)):
            raise ValueError(f"ArticulatedModel: parents must be -1, then earlier joints, got {self.parents}")
        names = joint_names or (FLAME_JOINTS if count == 5 else [f"joint_{j}" for j in range(count)])
        if len(names) != count:
            raise ValueError(f"ArticulatedModel: joint_names must have {count} names, got {len(names)}")
        self.model, self.joint_names = model, tuple(names)
        regressor = as_real("joint_regressor", joint_regressor, (count, n)).to(model.mean)
        moved = as_real("correctives", correctives, (n, 3, 9 * (count - 1)))
        columns = model.basis if moved is None else torch.cat([model.basis, moved.to(model.basis)], 2)
        buffers = {
            "skin_weights": as_real("skin_weights", skin_weights, (count, n)).to(model.mean).contiguous(),
            "joint_mean": regressor @ model.mean,
            "joint_basis": torch.einsum("jn,ndk->jdk", regressor, model.basis),
            "basis": columns.contiguous(),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "ArticulatedModel":
        """Reads a release in FLAME's layout, ``.pkl`` or ``.npz``, as data; nothing in it is run.

        Raises:
            FileNotFoundError: no such file.
            ValueError: the file is damaged, or lacks an array of FLAME's.

        Example:
            >>> flame = ArticulatedModel.load("generic_model.pkl")  # doctest: +SKIP
        """
        from pyface3d.morphable.flame import load_flame

        return load_flame(Path(path))

    @property
    def n_joints(self) -> int:
        """Number of joints J."""
        return len(self.parents)

    def joints(self, coeffs: Tensor) -> Tensor:
        """Joints (B, J, 3) of faces at rest with coefficients (B, K)."""
        return self.joint_mean + torch.einsum("jdk,bk->bjd", self.joint_basis, coeffs)

    def synthesize(
        self, coeffs: Tensor, turns: Tensor, pose: Tensor | None = None, indices: Tensor | None = None
    ) -> Tensor:
        """Vertices of faces with coefficients and turned joints.

        Args:
            coeffs: (B, K) identity then expression coefficients.
            turns: (B, J, 3) turn of each joint against its parent, axis times angle in radians; or rotations
                (B, J, 3, 3).
            pose: (B, 3, 4) [f R | t] that follows, or None for the model frame.
            indices: int64 (L,) vertices to compute; None: all.

        Returns:
            (B, N, 3), or (B, L, 3) with ``indices``, differentiable by coeffs, turns and pose.

        Raises:
            ValueError: turns of another shape.
            RuntimeError: other shapes, dtypes or devices that do not fit.
        """
        wanted = (len(coeffs), self.n_joints, 3)
        if turns.shape not in (wanted, (*wanted, 3)):
            got = tuple(turns.shape)
            raise ValueError(f"ArticulatedModel.synthesize: turns must be {wanted} or {(*wanted, 3)}, got {got}")
        rotations = turns if turns.ndim == 4 else rotations_from_axis_angle(turns)
        if self.basis.shape[2] > self.model.n_coeffs:
            bent = rotations[:, 1:] - torch.eye(3).to(rotations)  # (B, J - 1, 3, 3)
            columns = torch.cat([coeffs, bent.flatten(1)], 1)
        else:
            columns = coeffs
        rest = ops.synthesize_shape(self.model.mean, self.basis, columns, None, indices)
        transforms = self._transforms(rotations, self.joints(coeffs))
        if pose is not None:
            turned = pose[:, None, :, :3] @ transforms
            transforms = torch.cat([turned[..., :3], turned[..., 3:] + pose[:, None, :, 3:]], -1)
        weights = self.skin_weights if indices is None else self.skin_weights[:, indices]
        return ops.skin_vertices(rest, weights, transforms)

    def landmark_points(
        self, coeffs: Tensor, turns: Tensor, pose: Tensor | None = None, name: str | LandmarkSet = DEFAULT
    ) -> Tensor:
        """Landmarks (B, L, 3) of a set; only the vertices that it needs are computed. NaN for points that are missing.

        Args:
            coeffs: (B, K) as in ``synthesize``.
            turns: (B, J, 3) or (B, J, 3, 3), as there.
            pose: (B, 3, 4) or None, as there.
            name: a set of the model by name, or points already placed, such as what ``read_landmark_map`` gives.
        """
        points = find_landmarks(self.model, name)
        ids = points.corners[points.mask].unique()
        place = torch.full((self.model.n_vertices,), -1)
        place[ids] = torch.arange(len(ids))
        vertices = self.synthesize(coeffs, turns, pose, ids.to(coeffs.device))  # (B, U, 3)
        found = points.renumbered(place).of(vertices.transpose(0, 1)).transpose(0, 1)
        return torch.where(points.mask[:, None].to(found.device), found, torch.nan)

    def _transforms(self, rotations: Tensor, joints: Tensor) -> Tensor:
        """(B, J, 3, 4) from rest to where each joint carries a vertex."""
        turned, placed = [rotations[:, 0]], [joints[:, 0]]  # of the joints' own frames
        for j, parent in enumerate(self.parents[1:], start=1):
            bone = (joints[:, j] - joints[:, parent])[..., None]
            placed.append(placed[parent] + (turned[parent] @ bone)[..., 0])
            turned.append(turned[parent] @ rotations[:, j])
        whole = torch.stack(turned, 1)
        shift = torch.stack(placed, 1)[..., None] - whole @ joints[..., None]
        return torch.cat([whole, shift], -1)


def rotations_from_axis_angle(turns: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of axes times angles (..., 3) in radians, by Rodrigues' formula; exact about zero.

    Example:
        >>> rotations_from_axis_angle(torch.tensor([0.0, torch.pi / 2, 0.0])).round()[0]
        tensor([0., 0., 1.])
    """
    x, y, z = turns.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    angle = (turns * turns).sum(-1).clamp_min(1e-20).sqrt()[..., None, None]
    first, second = torch.sinc(angle / torch.pi), torch.sinc(angle / (2 * torch.pi)).square() / 2
    return torch.eye(3).to(turns) + first * cross + second * (cross @ cross)
