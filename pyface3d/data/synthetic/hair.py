"""Hair and hats as a mesh of its own over the head; on a bald head it shrinks to a point."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.noise import look_up
from pyface3d.data.synthetic.paint import linear

RINGS, SPOKES = 22, 48  # rings from the crown down, spokes around


@dataclass
class Piece:
    """A mesh over the head: vertices (B, N, 3) in eye distances about the eye centre, albedo (B, N, 3), gloss (B, N)."""

    vertices: Tensor
    albedo: Tensor
    gloss: Tensor


def grid_triangles(rows: int, columns: int) -> Tensor:
    """Both sides of the triangles (F, 3) of a grid of rows x columns vertices."""
    corner = (torch.arange(rows - 1)[:, None] * columns + torch.arange(columns - 1)).reshape(-1)
    one = torch.stack([corner, corner + columns, corner + 1], 1)
    two = torch.stack([corner + 1, corner + columns, corner + columns + 1], 1)
    front = torch.cat([one, two])
    return torch.cat([front, front.flip(1)])


TRIANGLES = grid_triangles(RINGS, SPOKES)


def hair(draws: Draws, color: Tensor, present: Tensor, head: Tensor) -> Piece:
    """A shell from the crown down, open in front of the face: short and long hair, fringes, caps and hats.

    Args:
        draws: random numbers of the batch.
        color: (B, 3) linear colour.
        present: (B,) bool.
        head: (B, 3) half width, height over the eyes and depth behind the eyes of the head, in eye distances.
    """
    batch = draws.batch
    kind = draws.pick((4.0, 5.0, 1.0))  # short, long, hat
    short, hat = (kind == 0)[:, None], (kind == 2)[:, None]
    hairline = torch.where(hat, draws.uniform(0.35, 0.75)[:, None], _hairline(draws)[:, None])
    end = torch.where(short, draws.uniform(-0.7, 0.2)[:, None], draws.uniform(-2.8, -0.8)[:, None])
    end = torch.where(hat, hairline - 0.03, end)
    thickness = torch.where(short, draws.log_uniform(1.03, 1.2)[:, None], draws.log_uniform(1.06, 1.35)[:, None])
    opening = torch.where(short, draws.uniform(1.5, 1.9)[:, None], draws.uniform(0.85, 1.75)[:, None])
    opening = torch.where(hat, torch.full_like(opening, 0.02), opening)
    # rings: the dome down to the middle of the head, then straight down
    middle = 0.25
    step = torch.linspace(0, 1, RINGS)  # (R,)
    dome = (step * 2).clamp(0, 1) * math.pi / 2
    rise = (head[:, 1:2] - middle) * thickness  # (B, 1)
    low = torch.minimum(end, torch.full_like(end, middle))
    height = middle + rise * torch.cos(dome) + (low - middle) * (step * 2 - 1).clamp(0, 1)  # (B, R)
    height = torch.maximum(height, end)
    ring = torch.sqrt((1 - ((height - middle).clamp_min(0) / rise) ** 2).clamp_min(0))  # (B, R) of the full radius
    ring[:, 0] = 0
    hanging = ((middle - height) / 2).clamp_min(0)
    ring = ring * (1 + draws.uniform(-0.25, 0.35)[:, None] * hanging) + torch.where(hat, _brim(draws, step), torch.zeros(()))
    soft = draws.uniform(0.05, 0.4)[:, None]
    opened = opening * ((hairline - height) / soft).clamp(0, 1) ** 0.5  # (B, R)
    spoke = torch.linspace(0, 1, SPOKES)
    lean = draws.normal(0.15)[:, None, None]
    angle = opened[..., None] + (2 * math.pi - 2 * opened[..., None]) * spoke  # (B, R, S), 0 in front
    angle = angle + lean * (opened[..., None] > 0)
    around = angle / (2 * math.pi) * draws.uniform(0.5, 2.0)[:, None, None]
    down = (height * draws.uniform(0.05, 0.3)[:, None])[..., None].expand_as(angle)  # strands run down: slowly varying
    place = torch.stack([around, down], -1) + draws.uniform(0, 1, 2)[:, None, None]
    noise = look_up(place.reshape(batch, -1, 2)).view(batch, RINGS, SPOKES, 4)
    rough = torch.where(hat[..., None], torch.full((), 0.01), draws.log_uniform(0.01, 0.08)[:, None, None])
    bulk = 1 + rough * (noise[..., 0] + noise[..., 1] + 0.5 * noise[..., 2])
    radius = ring[..., None] * thickness[..., None] * bulk
    depth = (head[:, 2] + 0.15) / 2  # half the depth of the head, whose front is 0.15 before the eyes
    x = head[:, 0, None, None] * radius * torch.sin(angle)
    z = 0.15 - depth[:, None, None] + depth[:, None, None] * radius * torch.cos(angle)
    y = height[..., None] + (bulk - 1) * 0.5
    vertices = torch.stack([x, y, z], -1).reshape(batch, -1, 3)
    crown = torch.tensor([0.0, 0.5, -0.9])
    vertices = torch.where(present[:, None, None], vertices, crown)
    grain = draws.uniform(0.1, 0.5)[:, None, None] * torch.where(hat[..., None], 0.2, 1.0)
    strands = 1 + grain * (noise[..., 2] + noise[..., 3])
    cloth = linear(draws.color() * draws.uniform(0.2, 1.0)[:, None])
    base = torch.where(hat, cloth, color)[:, None, None]
    albedo = (base * strands[..., None]).clamp(0.002, 1.0).reshape(batch, -1, 3)
    return Piece(vertices, albedo, (draws.uniform(0, 0.6)[:, None] * ~hat).expand(-1, RINGS * SPOKES))


def _hairline(draws: Draws) -> Tensor:
    return torch.where(draws.chance(0.25), draws.uniform(0.25, 0.6), draws.uniform(0.6, 0.95))


def _brim(draws: Draws, step: Tensor) -> Tensor:
    return draws.uniform(-0.2, 0.6)[:, None].clamp_min(0) * ((step - 0.85) / 0.15).clamp(0, 1)
