"""What the embedded weights are trained for: landmarks, vertices and parameters of synthetic portraits."""

import torch
from torch import Tensor, nn

from pyface3d.camera import ParameterSpace
from pyface3d.camera.parameter_space import T_Z
from pyface3d.morphable import MorphableModel

WING_WIDTH, WING_CURVATURE = 10.0, 2.0  # pixels (DAMDNet)


class PortraitObjective(nn.Module):
    """Wing losses on 68 landmarks and on sampled vertices, and the squared error of the whitened parameters.

    The landmarks are those of the picture, perspective included; the vertices those of the labeled weak-perspective
    parameters. Depths are compared without their mean.

    Args:
        model: face model of the parameters.
        space: their whitening.
        n_vertices: how many vertices are compared, spread evenly over the model's list.

    Example:
        >>> objective = PortraitObjective(MorphableModel.default(), parameter_space())  # doctest: +SKIP
        >>> loss, terms = objective(network(images), batch)  # doctest: +SKIP
    """

    mean: Tensor
    basis: Tensor
    known: Tensor

    def __init__(self, model: MorphableModel, space: ParameterSpace, n_vertices: int = 256):
        super().__init__()
        assert model.landmarks is not None
        spread = torch.linspace(0, model.n_vertices - 1, n_vertices).long()
        ids = torch.cat([model.landmarks.cpu(), spread])
        self.space = space
        mean, basis = model.mean[ids].clone(), model.basis[ids].reshape(-1, model.n_coeffs).clone()
        self.register_buffer("mean", mean, persistent=False)  # (L, 3)
        self.register_buffer("basis", basis, persistent=False)  # (3 L, K)
        known = torch.ones(space.n_params)
        known[T_Z] = 0
        self.register_buffer("known", known, persistent=False)

    def forward(self, whitened: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its terms, in pixels of the crop.

        Args:
            whitened: (B, P) output of the network.
            batch: params (B, P) un-whitened and landmarks (B, 68, 3), y down.
        """
        points, goal = self.pose(self.space.unwhiten(whitened)), self.pose(batch["params"])  # (B, L, 3)
        seen = batch["landmarks"][..., :2]
        seen = torch.stack([seen[..., 0], self.space.size - 1 - seen[..., 1]], 2)
        landmarks = wing(points[:, :68, :2] - seen)
        vertices = wing(_without_mean_depth(points[:, 68:] - goal[:, 68:]))
        params = ((whitened - self.space.whiten(batch["params"])) ** 2 * self.known).mean()
        loss = 0.1 * landmarks + 0.05 * vertices + 0.5 * params
        pixels = (points[:, :68, :2] - seen).detach().norm(dim=2).mean()
        return loss, {"landmarks": landmarks, "vertices": vertices, "params": params, "pixels": pixels}

    def pose(self, params: Tensor) -> Tensor:
        """Landmarks and vertices (B, L, 3) of parameters (B, P), in the crop with y up."""
        pose, coeffs = self.space.split(params)
        shape = self.mean + (coeffs @ self.basis.T).unflatten(1, self.mean.shape)  # (B, L, 3)
        return shape @ pose[:, :, :3].mT + pose[:, None, :, 3]


def wing(difference: Tensor) -> Tensor:
    """Mean wing loss (Feng et al. 2018, eq. 5) of differences in pixels.

    Written out, not :func:`pyface3d.ops.wing_loss`: the embedded weights come out again only with these roundings.
    """
    size = difference.abs()
    offset = WING_WIDTH * (1 - torch.log1p(torch.tensor(WING_WIDTH / WING_CURVATURE)))
    near = WING_WIDTH * torch.log1p(size / WING_CURVATURE)
    return torch.where(size < WING_WIDTH, near, size - offset).mean()


def _without_mean_depth(difference: Tensor) -> Tensor:
    depth = difference[..., 2:]
    return torch.cat([difference[..., :2], depth - depth.mean(1, keepdim=True)], 2)
