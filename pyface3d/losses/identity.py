"""How far two identities are from one another where pose cannot make up for it."""

import torch
from torch import Tensor, nn

from pyface3d.morphable import MorphableModel
from pyface3d.morphable.content import METERS

_SOFTNESS = 0.1  # mm: keeps the root differentiable at zero


class IdentityDistance(nn.Module):
    """Distance of identities in mm: root mean square over the surface, after the best similarity transform.

    One picture in weak perspective shows neither the size nor the place of a head, so un-aligned distances of identity
    coefficients measure what nobody can see. The seven motions of the mean face (translation, rotation, scale; to first
    order) are projected out of the identity basis B, and the distance is ``sqrt(d^T G d)`` with ``G`` the mean of
    ``B^T B`` over the vertices.

    Args:
        model: the face model.
        n_vertices: how many vertices are compared, spread evenly over the model's list.

    Attributes:
        gram: (K_i, K_i) in square mm.

    Example:
        >>> from pyface3d import MorphableModel
        >>> model = MorphableModel.default()
        >>> IdentityDistance(model)(model.split(model.sample(2))[0], torch.zeros(2, 40)).shape
        torch.Size([2])
    """

    gram: Tensor

    def __init__(self, model: MorphableModel, n_vertices: int = 1024) -> None:
        super().__init__()
        spread = torch.linspace(0, model.n_vertices - 1, min(n_vertices, model.n_vertices)).long()
        mean, basis = model.mean[spread].double(), model.identity_basis[spread].double()  # (n, 3), (n, 3, K_i)
        flat = basis.flatten(0, 1)
        motions = torch.linalg.qr(_motions(mean - mean.mean(0))).Q  # (3 n, 7)
        rest = (flat - motions @ (motions.T @ flat)) * (1000 * METERS[model.unit])
        self.register_buffer("gram", (rest.T @ rest / len(spread)).float(), persistent=False)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """(B,) in mm, of identity coefficients (B, K_i)."""
        difference = pred - target
        squares = ((difference @ self.gram.to(difference)) * difference).sum(1)
        return (squares.clamp_min(0) + _SOFTNESS**2).sqrt()


def _motions(points: Tensor) -> Tensor:
    """(3 n, 7) displacements of centered points (n, 3) under small translations, rotations and a change of scale."""
    moves = [torch.eye(3, dtype=points.dtype)[axis].expand_as(points) for axis in range(3)]
    for first, second in ((0, 1), (1, 2), (0, 2)):
        turn = torch.zeros_like(points)
        turn[:, first], turn[:, second] = -points[:, second], points[:, first]
        moves.append(turn)
    return torch.stack([*moves, points], 2).flatten(0, 1)
