"""Glasses as a mesh: two rims, lenses when they are dark, a bridge and two temples."""

import math

import torch
from torch import Tensor

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.hair import Piece
from pyface3d.data.synthetic.paint import linear

RIM = 24  # corners of a rim
SIDE = 3 * RIM + 1  # vertices of one side: inner rim, outer rim, lens outline, middle of the lens


def _triangles() -> Tensor:
    turn = torch.arange(RIM)
    after = (turn + 1) % RIM
    rim = torch.cat([torch.stack([turn, turn + RIM, after], 1), torch.stack([after, turn + RIM, after + RIM], 1)])
    lens = torch.stack([turn + 2 * RIM, after + 2 * RIM, torch.full_like(turn, 3 * RIM)], 1)  # a fan about the middle
    side = torch.cat([rim, lens])
    bars = 2 * SIDE + torch.tensor([[0, 1, 2], [1, 3, 2]])
    seen = torch.cat([side, side + SIDE, bars, bars + 4, bars + 8])
    return torch.cat([seen, seen.flip(1)])


TRIANGLES = _triangles()


def glasses(draws: Draws, eyes: Tensor, head: Tensor) -> Piece:
    """Glasses on about a fifth of the faces, with dark lenses on some of them.

    Args:
        draws: random numbers of the batch.
        eyes: (B, 2, 3) middles of the eyes, image left first, in eye distances.
        head: (B, 3) half width, height and depth of the head as in ``hair``.
    """
    batch = draws.batch
    present, dark = draws.chance(0.22), draws.chance(0.4)
    half = torch.stack([draws.uniform(0.2, 0.31), draws.uniform(0.12, 0.24)], 1)[:, None]  # (B, 1, 2)
    thick = draws.log_uniform(0.012, 0.06)
    power = draws.uniform(0.5, 1.0)[:, None]
    turn = torch.arange(RIM) / RIM * 2 * math.pi
    unit = torch.stack([_signed_power(turn.cos(), power), _signed_power(turn.sin(), power)], -1)  # (B, RIM, 2)
    outline = torch.cat([unit * half, unit * (half + thick[:, None, None]), unit * half, torch.zeros(batch, 1, 2)], 1)
    is_lens = torch.arange(SIDE) >= 2 * RIM
    middle = eyes + torch.stack([torch.zeros(batch), draws.uniform(-0.06, 0.02), draws.uniform(0.09, 0.2)], 1)[:, None]
    hidden = eyes.mean(1, keepdim=True) - torch.tensor([0.0, 0.0, 0.6])  # inside the head
    sides = []
    for k, outward in ((0, -1.0), (1, 1.0)):
        bend = -0.12 * (outline[..., :1] * outward).clamp_min(0)
        side = torch.cat([outline, bend], 2) + middle[:, k : k + 1]
        sides.append(torch.where((is_lens & ~dark[:, None])[..., None], hidden, side))
    left, right = sides
    ear = torch.stack([head[:, 0], torch.zeros(batch), torch.full((batch,), -0.95)], 1)
    inner, outer = RIM, RIM + RIM // 2  # of the outer rim: towards +x and towards -x
    bars = (
        _bar(left[:, inner], right[:, outer], thick),
        _bar(left[:, outer], ear * torch.tensor([-1.0, 1.0, 1.0]), thick),
        _bar(right[:, inner], ear, thick),
    )
    vertices = torch.where(present[:, None, None], torch.cat([left, right, *bars], 1), hidden)
    frame = linear(draws.color() * torch.where(draws.chance(0.65), 0.2, 0.9)[:, None])
    tint = linear(draws.color(0.0, 0.2))
    lens = torch.cat([is_lens, is_lens, torch.zeros(12, dtype=torch.bool)])
    albedo = torch.where(lens[:, None], tint[:, None], frame[:, None])
    return Piece(vertices, albedo, draws.uniform(0.2, 1.5)[:, None].expand(-1, vertices.shape[1]))


def _signed_power(x: Tensor, power: Tensor) -> Tensor:
    return x.sign() * x.abs() ** power


def _bar(start: Tensor, end: Tensor, thickness: Tensor) -> Tensor:
    """(B, 4, 3) corners of an upright bar between two points (B, 3)."""
    up = torch.stack([torch.zeros_like(thickness), thickness / 2, torch.zeros_like(thickness)], 1)
    return torch.stack([start + up, start - up, end + up, end - up], 1)
