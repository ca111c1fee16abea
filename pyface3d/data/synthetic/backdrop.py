"""What is behind and before the head, painted in the picture: backgrounds and occluders."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pyface3d.data.synthetic.draws import Draws
from pyface3d.data.synthetic.noise import look_up
from pyface3d.data.synthetic.paint import SKIN_TONES, TONE_WEIGHTS, linear, tone


def _pixels(size: int) -> Tensor:
    """(S, S, 2) pixel centers, x and y from -1 to 1."""
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    return torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)


def backdrop(draws: Draws, size: int, shapes: int = 5) -> Tensor:
    """Backgrounds (B, 3, S, S), linear: a gradient, noise and soft shapes of random colors; out of focus."""
    pixels = _pixels((size + 1) // 2)  # painted at half the resolution
    slope = draws.normal(0.35, 2)
    ramp = (0.5 + (pixels @ slope[:, None, :, None])[..., 0]).clamp(0, 1)[:, None]  # (B, 1, S, S)
    brightness = draws.uniform(0.1, 1.0)[:, None]
    colors = [linear(_muted(draws) * brightness)[..., None, None] for _ in range(2)]
    picture = torch.lerp(colors[0], colors[1], ramp)
    busy = draws.chance(0.75).float()
    for _ in range(shapes):
        mask = _mask(_shape(draws, center=1.3, low=0.15, high=1.2), pixels)  # (B, S, S)
        mask = mask * (busy * draws.uniform(0.2, 1.0))[:, None, None]
        picture = torch.lerp(picture, linear(_muted(draws))[..., None, None], mask[:, None])
    place = pixels * draws.log_uniform(0.05, 0.6)[:, None, None, None] + draws.uniform(0, 1, 2)[:, None, None]
    noise = look_up(place.flatten(1, 2).mT)  # (B, 4, S S)
    strength = draws.uniform(0, 0.35, 4) * busy[:, None]
    factor = (strength[:, None] @ noise).view_as(ramp)
    picture = picture * (1 + factor).clamp(0.05, 3)
    return F.interpolate(picture, (size, size), mode="bilinear")


def occlude(draws: Draws, picture: Tensor) -> Tensor:
    """Shapes before the face, now and then: hands, microphones, papers, strands of hair. Changes ``picture``."""
    pixels = _pixels(picture.shape[-1])
    for probability in (0.18, 0.1):
        present = draws.chance(probability)
        shape = _shape(draws, center=1.0, low=0.08, high=0.5)
        skin = tone(draws, SKIN_TONES, TONE_WEIGHTS, 0.05) * draws.uniform(0.3, 1)[:, None]
        color = torch.where(draws.chance(0.4)[:, None], skin, linear(draws.color()))
        _over(picture, present, _mask_of(shape, pixels), color)
    present, bend, opacity = draws.chance(0.18), _bend(draws), draws.uniform(0.4, 1.0)
    color = linear(draws.color(0.0, 0.6))
    _over(picture, present, lambda rows: _strands(bend[rows], pixels) * opacity[rows, None, None], color)
    return picture


def _over(picture: Tensor, present: Tensor, mask: Callable[[Tensor], Tensor], color: Tensor) -> None:
    """Blend a color (B, 3) into the pictures (B, 3, S, S) where it is present (B,)."""
    rows = present.nonzero()[:, 0]
    blended = torch.lerp(picture.index_select(0, rows), color[rows, :, None, None], mask(rows)[:, None])
    picture.index_copy_(0, rows, blended)


def _bend(draws: Draws) -> Tensor:
    """(B, 6) place, lean, bend, width, comb and lower end of strands."""
    place, lean, bend = draws.uniform(-0.9, 0.9), draws.normal(0.35), draws.normal(0.3)
    width, comb, end = draws.log_uniform(0.02, 0.2), draws.uniform(20, 90), draws.uniform(-0.5, 1.0)
    return torch.stack([place, lean, bend, width, comb, end], 1)


def _strands(bend: Tensor, pixels: Tensor) -> Tensor:
    """(B, S, S) mask of thin bent strands of hair."""
    place, lean, curve, width, comb, end = (column[:, None, None] for column in bend.unbind(1))
    x, y = pixels[..., 0], pixels[..., 1]
    across = x - place - lean * y - curve * y * y
    return torch.exp(-((across / width) ** 2)) * (torch.cos(across * comb) * 0.5 + 0.5) * (y < end)


def _muted(draws: Draws) -> Tensor:
    """(B, 3) display colors, many of them close to gray."""
    color = draws.color()
    return torch.lerp(color.mean(1, keepdim=True).expand(-1, 3), color, draws.uniform(0, 1)[:, None])


def _shape(draws: Draws, center: float, low: float, high: float) -> Tensor:
    """(B, 7) ellipses and rectangles: middle, turn, two radii, softness, whether it is a rectangle."""
    middle, turn = draws.uniform(-center, center, 2), draws.uniform(0, math.pi, 1)
    radii = draws.log_uniform(low, high, 2)
    return torch.cat([middle, turn, radii, draws.log_uniform(0.01, 0.3, 1), draws.chance(0.5, 1).float()], 1)


def _mask_of(shape: Tensor, pixels: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda rows: _mask(shape[rows], pixels)


def _mask(shape: Tensor, pixels: Tensor) -> Tensor:
    """(B, S, S) soft masks of shapes (B, 7)."""
    x0, y0, turn, length, width, soft, square = (column[:, None, None] for column in shape.unbind(1))
    x, y = pixels[..., 0] - x0, pixels[..., 1] - y0
    along = (x * turn.cos() + y * turn.sin()) / length
    across = (y * turn.cos() - x * turn.sin()) / width
    reach = torch.where(square > 0, torch.maximum(along.abs(), across.abs()), torch.hypot(along, across))
    return torch.sigmoid((1 - reach) / soft)
