"""Hair and hats as a mesh of its own over the head; on a bald head it shrinks to a point."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.noise import look_up
from pyface3d.data.synthetic.paint import linear

RINGS, SPOKES = 22, 48  # rings from the crown down, spokes around
FRONT, MIDDLE = 0.15, 0.25  # in eye distances: the forehead before the eyes, the middle of the skull above them


@dataclass
class Piece:
    """A mesh over the head.

    Attributes:
        vertices: (B, N, 3) in eye distances about the middle of the eyes.
        albedo: (B, N, 3) linear;  gloss: (B, N) strength of the highlights.
    """

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


def front_sides(triangles: Tensor) -> Tensor:
    """Half of triangles that are listed front sides first, then back sides."""
    return triangles[: len(triangles) // 2]


def hair(draws: Draws, color: Tensor, present: Tensor, head: Tensor) -> Piece:
    """A shell from the crown down, open in front of the face: short and long hair, fringes, caps and hats.

    Args:
        draws: random numbers of the batch.
        color: (B, 3) linear color.
        present: (B,) bool.
        head: (B, 3) half width, height over the eyes and depth behind the eyes of the head, in eye distances.
    """
    style = Style.draw(draws)
    height, ring = _rings(style, head[:, 1:2])  # (B, R)
    opened = style.opening * ((style.hairline - height) / style.soft).clamp(0, 1) ** 0.5  # (B, R)
    spoke = torch.linspace(0, 1, SPOKES)
    angle = opened[..., None] + (2 * math.pi - 2 * opened[..., None]) * spoke  # (B, R, S), 0 in front
    angle = angle + style.lean[..., None] * (opened[..., None] > 0)
    noise = _noise(draws, angle, height)  # four of (B, R, S)
    hat = style.hat[..., None]
    rough = torch.where(hat, torch.full((), 0.01), draws.log_uniform(0.01, 0.08)[:, None, None])
    bulk = 1 + rough * (noise[0] + noise[1] + 0.5 * noise[2])
    radius = (ring * style.thickness)[..., None] * bulk
    depth = (head[:, 2, None, None] + FRONT) / 2  # half the depth of the head
    x = head[:, 0, None, None] * radius * torch.sin(angle)
    y = height[..., None] + (bulk - 1) * 0.5
    z = FRONT - depth + depth * radius * torch.cos(angle)
    vertices = torch.stack([x, y, z], -1).flatten(1, 2)  # (B, R S, 3)
    vertices = torch.where(present[:, None, None], vertices, torch.tensor([0.0, 0.5, -0.9]))  # inside the head
    grain = draws.uniform(0.1, 0.5)[:, None, None] * torch.where(hat, 0.2, 1.0)
    strands = 1 + grain * (noise[2] + noise[3])
    cloth = linear(draws.color() * draws.uniform(0.2, 1.0)[:, None])
    base = torch.where(style.hat, cloth, color)[:, None, None]
    albedo = (base * strands[..., None]).clamp(0.002, 1.0).flatten(1, 2)
    gloss = draws.uniform(0, 0.6)[:, None] * ~style.hat
    return Piece(vertices, albedo, gloss.expand(-1, RINGS * SPOKES))


@dataclass
class Style:
    """The shape of a head of hair or a hat; lengths in eye distances, heights over the eyes, all (B, 1).

    Attributes:
        hat: bool, true for a hat.
        hairline: height above which the shell is closed in front;  soft: over which height it opens.
        end: lowest height.
        thickness: width of the shell, 1 on the head.
        opening: half angle of the opening in front, radians;  lean: how far it is turned to one side.
        flare: growth of the radius below the middle of the head;  brim: the same at the edge of a hat.
    """

    hat: Tensor
    hairline: Tensor
    end: Tensor
    thickness: Tensor
    opening: Tensor
    flare: Tensor
    brim: Tensor
    soft: Tensor
    lean: Tensor

    @classmethod
    def draw(cls, draws: Draws) -> "Style":
        """Short hair, long hair or a hat for each image."""
        kind = draws.pick((4.0, 5.0, 1.0))
        short, hat = (kind == 0)[:, None], (kind == 2)[:, None]

        def one(low: float, high: float) -> Tensor:
            return draws.uniform(low, high)[:, None]

        hat_line = one(0.35, 0.75)
        hairline = torch.where(draws.chance(0.25)[:, None], one(0.25, 0.6), one(0.6, 0.95))
        hairline = torch.where(hat, hat_line, hairline)
        end = torch.where(short, one(-0.7, 0.2), one(-2.8, -0.8))
        thin, thick = draws.log_uniform(1.03, 1.2)[:, None], draws.log_uniform(1.06, 1.35)[:, None]
        opening = torch.where(short, one(1.5, 1.9), one(0.85, 1.75))
        return cls(
            hat=hat,
            hairline=hairline,
            end=torch.where(hat, hairline - 0.03, end),
            thickness=torch.where(short, thin, thick),
            opening=torch.where(hat, torch.full_like(opening, 0.02), opening),
            flare=one(-0.25, 0.35),
            brim=one(-0.2, 0.6).clamp_min(0) * hat,
            soft=one(0.05, 0.4),
            lean=draws.normal(0.15)[:, None],
        )


def _rings(style: Style, top: Tensor) -> tuple[Tensor, Tensor]:
    """Heights and radii (B, R) of the rings: a dome down to the middle of the head, then straight down to the end."""
    step = torch.linspace(0, 1, RINGS)  # (R,)
    rise = (top - MIDDLE) * style.thickness  # (B, 1)
    fall = style.end.clamp_max(MIDDLE) - MIDDLE
    dome = (step * 2).clamp(0, 1) * math.pi / 2
    height = MIDDLE + rise * torch.cos(dome) + fall * (step * 2 - 1).clamp(0, 1)  # (B, R)
    height = torch.maximum(height, style.end)
    ring = torch.sqrt((1 - ((height - MIDDLE).clamp_min(0) / rise) ** 2).clamp_min(0))
    ring[:, 0] = 0
    hanging = ((MIDDLE - height) / 2).clamp_min(0)
    return height, ring * (1 + style.flare * hanging) + style.brim * ((step - 0.85) / 0.15).clamp(0, 1)


def _noise(draws: Draws, angle: Tensor, height: Tensor) -> tuple[Tensor, ...]:
    """Noise (B, R, S) of four finenesses that varies quickly around the head and slowly down it, as strands do."""
    around = angle / (2 * math.pi) * draws.uniform(0.5, 2.0)[:, None, None]
    down = (height * draws.uniform(0.05, 0.3)[:, None])[..., None].expand_as(angle)
    place = torch.stack([around, down], 1) + draws.uniform(0, 1, 2)[:, :, None, None]
    return look_up(place.flatten(2)).unflatten(2, angle.shape[1:]).unbind(1)
