"""Light on the vertices: spherical harmonics for the surroundings, one lamp with shadows and highlights."""

import math

import torch
from torch import Tensor

from pyface3d import ops
from pyface3d.data.synthetic.draws import Draws

DIRECTIONS = 64  # from which the visibility of the mean head is looked up
SHADOW_SIDE = 160  # pixels of a visibility picture


class Visibility:
    """From which directions each vertex of a mean head can be seen: its shadows and its ambient occlusion.

    Every direction is one depth picture of the mean head. Faces differ little enough that shadows of the mean pass for
    those of each (precomputed transfer, Sloan et al. 2002, with constant functions).

    Args:
        vertices: (N, 3) mean head.
        triangles: (F, 3).
        normals: (N, 3).
    """

    def __init__(self, vertices: Tensor, triangles: Tensor, normals: Tensor):
        self.directions = _sphere(DIRECTIONS)  # (D, 3)
        rotations = _looking_along(self.directions)  # (D, 3, 3), last row is the direction
        centered = vertices - (vertices.amax(0) + vertices.amin(0)) / 2
        scale = 0.48 * SHADOW_SIDE / centered.norm(dim=1).max()
        seen = torch.zeros(DIRECTIONS, len(vertices))
        for k, rotation in enumerate(rotations):
            posed = centered @ rotation.T * scale + torch.tensor([SHADOW_SIDE / 2, SHADOW_SIDE / 2, 0.0])
            depth = ops.rasterize(posed[None], triangles, SHADOW_SIDE, SHADOW_SIDE)[2][0]  # (S, S)
            column, row = posed[:, 0].round().long(), posed[:, 1].round().long()
            seen[k] = (posed[:, 2] > depth[row, column] - 0.04 * SHADOW_SIDE * 0.48).float()
        self.seen = seen  # (D, N)
        facing = (self.directions @ normals.T).clamp_min(0)  # (D, N)
        self.ambient = ((facing * seen).sum(0) / facing.sum(0).clamp_min(1e-6)).clamp(0.05, 1)  # (N,)

    def shadow(self, towards: Tensor, ids: Tensor) -> Tensor:
        """(B, Q) how much of a lamp in direction ``towards`` (B, 3) of the model frame reaches the vertices ``ids``."""
        weights = torch.softmax(14.0 * towards @ self.directions.T, dim=1)  # (B, D)
        return weights @ self.seen.index_select(1, ids)


def shade(
    draws: Draws,
    visibility: Visibility,
    ids: Tensor,
    rotation: Tensor,
    normals: Tensor,
    albedo: Tensor,
    gloss: Tensor,
) -> Tensor:
    """Linear colors (B, 3, P) of vertices.

    Args:
        draws: random numbers of the batch.
        visibility: of the mean head.
        ids: (Q,) which of its vertices the first Q are; the others have neither shadows nor occlusion.
        rotation: (B, 3, 3) from the model frame to the camera's (x right, y up, z to the camera).
        normals: (B, 3, P) in the camera's frame.
        albedo: (B, 3, P) linear.
        gloss: (B, P) strength of the highlights.
    """
    batch, _, n = normals.shape
    lamp = _lamp(draws)  # (B, 3)
    shadow, ambient = torch.ones(batch, n), torch.ones(n)
    shadow[:, : len(ids)] = visibility.shadow((lamp[:, None] @ rotation)[:, 0], ids)
    ambient[: len(ids)] = visibility.ambient[ids]
    ambient = ambient ** draws.uniform(0.5, 1.5)[:, None]
    contrast = draws.uniform(0.0, 1.0)[:, None]  # share of the lamp in all light
    halfway = torch.nn.functional.normalize(lamp + torch.tensor([0.0, 0.0, 1.0]), dim=1)
    facing, aligned = (torch.stack([lamp, halfway], 1) @ normals).unbind(1)
    wrap = draws.uniform(0.0, 0.3)[:, None]
    diffuse = ((facing + wrap) / (1 + wrap)).clamp_min(0) * (1 - draws.uniform(0, 1)[:, None] * (1 - shadow))
    tint = 1 + draws.normal(0.08, 3)[:, None]
    sky = _harmonics(draws, normals) * (ambient * (1 - contrast))[:, None]  # (B, 3, P)
    light = sky.addcmul_((contrast * 2 * diffuse)[:, None], tint.mT)
    sharpness = draws.log_uniform(6.0, 60.0)[:, None]
    strength = draws.uniform(0.0, 0.7)[:, None] * contrast
    highlight = gloss * shadow * aligned.clamp_min(0) ** sharpness * ambient * strength
    return torch.addcmul(highlight[:, None], albedo, light)


def _lamp(draws: Draws) -> Tensor:
    """(B, 3) unit directions to the lamp, mostly from above and before the face."""
    azimuth, elevation = draws.normal(1.0), draws.normal(0.5) + 0.35
    return torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], 1)


def _harmonics(draws: Draws, normals: Tensor) -> Tensor:
    """(B, 3, P) colors of a random sky in nine spherical harmonics of normals (B, 3, P).

    Ramamoorthi and Hanrahan 2001.
    """
    batch = len(normals)
    coefficients = draws.normal(1.0, 27).view(batch, 9, 3) * torch.tensor([0.0] + [0.28] * 3 + [0.1] * 5)[:, None]
    gray = draws.uniform(0.0, 1.0)[:, None, None]
    coefficients = torch.lerp(coefficients, coefficients.mean(2, keepdim=True).expand(-1, -1, 3), gray)
    coefficients[:, 0] = 1 + draws.normal(0.06, 3)
    x, y, z = normals.unbind(1)
    basis = [torch.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return (coefficients.mT @ torch.stack(basis, 1)).clamp_min_(0.0)


def _sphere(n: int) -> Tensor:
    """(n, 3) directions spread evenly over the sphere (Fibonacci lattice)."""
    k = torch.arange(n) + 0.5
    height, turn = 1 - 2 * k / n, k * math.pi * (3 - math.sqrt(5))
    flat = (1 - height**2).sqrt()
    return torch.stack([flat * turn.cos(), height, flat * turn.sin()], 1)


def _looking_along(directions: Tensor) -> Tensor:
    """(D, 3, 3) rotations whose last row is the direction."""
    up = torch.where(directions[:, 1:2].abs() < 0.9, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0]))
    right = torch.nn.functional.normalize(torch.linalg.cross(up, directions), dim=1)
    return torch.stack([right, torch.linalg.cross(directions, right), directions], 1)
