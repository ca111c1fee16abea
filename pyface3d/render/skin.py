"""A face's own skin: its color under the photo's light, and what of the photo it is."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d.render.sight import Sight, Texels
from pyface3d.render.zones import Zones

_FLOOR = 12.0  # levels added before the logarithm: noise of dark pixels counts little
_ROUNDS = 6
_STIFF = 0.02  # of the light's direction against its mean, in shares of the samples
_LEAST = 24  # texels from which a skin can be known
_BRIGHTNESS, _TINT = 0.18, 0.035  # spread of bare skin at least, of logarithms: light less the model's, hue
_SURE, _OUT = 2.5, 4.5  # spreads from the model up to which a color is skin, and from which it is none
_STRICT = 1.3  # times as far from the model counts a color where hair and clothes are likely
_RUGGED = 0.06  # standard deviation of brightness among neighboring texels that counts there as one spread
_ODD = 0.12  # of logarithms: from here on a difference from the mirror image counts against a color, as one spread
_ALIEN = 9.0  # spreads from the model: no spot on a skin looks like that
_ALIKE = 0.6  # of logarithms: as far may a color and its mirror image differ


class Skin(NamedTuple):
    """Neutral skin: for each channel the logarithm of its color, linear in the normal."""

    light: Tensor  # (4, 3): constant, x, y, z
    low: Tensor  # (3,) darkest and
    high: Tensor  # (3,) brightest of what the photo shows, in logarithms
    spread: Tensor  # (2,) of brightness and of tint

    def color(self, normals: Tensor) -> Tensor:
        """Logarithms (U, V, 3) of neutral skin with these normals, never beyond what the photo shows."""
        return torch.minimum(torch.maximum(_terms(normals) @ self.light, self.low), self.high)


def to_log(colors: Tensor) -> Tensor:
    """Colors of 0 to 255 as logarithms, in which light is a sum."""
    return (colors.clamp(0, 255) + _FLOOR).log()


def from_log(values: Tensor) -> Tensor:
    """The inverse of ``to_log``."""
    return values.exp() - _FLOOR


def skin_of(colors: Tensor, texels: Texels, weight: Tensor) -> Skin:
    """The skin that most of the weighted texels agree on, by reweighted least squares.

    The light is the first order of spherical harmonics (Ramamoorthi & Hanrahan, SIGGRAPH 2001), in logarithms; what
    does not follow (hair, shadows, glasses) loses its say from round to round, after Cauchy.

    Args:
        colors: (U, V, 3) logarithms.
        texels: their surface points.
        weight: (U, V) how much each counts.
    """
    used = weight > 0.05
    if int(used.sum()) < _LEAST:
        used = torch.ones_like(used)
        weight = weight + 1e-3
    y, x, say = colors[used], _terms(texels.normals[used]), weight[used]
    start = y.median(0).values
    light = torch.cat([start[None], torch.zeros_like(start).expand(3, 3)])
    stiff = torch.diag(x.new_tensor([0.0, 1.0, 1.0, 1.0])) * _STIFF
    for _ in range(_ROUNDS):
        brightness, tint = _parts(y - x @ light)
        scale = max(float(brightness.abs().median()), 0.05), max(float(tint.median()), 0.02)
        share = say / (1 + (brightness / (2 * scale[0])) ** 2 + (tint / (2 * scale[1])) ** 2)
        share = share / share.sum().clamp(min=1e-9)
        moved = x.T * share
        light = torch.linalg.solve(moved @ x + stiff, moved @ y)
    brightness, tint = _parts(y - x @ light)
    kept = share > 0.3 * share.max()
    lit = (x @ light)[kept]
    ends = torch.tensor([0.15, 0.85], dtype=lit.dtype, device=lit.device)
    low, high = torch.quantile(lit, ends, dim=0)
    spread = torch.stack([1.5 * brightness[kept].abs().median(), 1.2 * tint[kept].median()])
    return Skin(light, low, high, torch.maximum(spread, spread.new_tensor([_BRIGHTNESS, _TINT])))


def likeness(colors: Tensor, texels: Texels, skin: Skin, zones: Zones, seen: Sight) -> Tensor:
    """How much each texel of the photo is the person's own face (U, V), 0 to 1.

    Features count whatever their color. Elsewhere the color must be the skin's, or, where beards grow, that of the
    mirrored texel: a beard grows on both sides, a microphone or a hand seldom is.

    Args:
        colors: (U, V, 3) logarithms of the photo.
        texels: their surface points.
        skin: the model of the skin.
        zones: of the texels.
        seen: how well the photo shows each.
    """
    relit = colors - skin.color(texels.normals)
    brightness, tint = _parts(relit)
    away = ((brightness / skin.spread[0]) ** 2 + (tint / skin.spread[1]) ** 2).sqrt()
    differs = _even(relit)
    differs = (differs - differs.flip(1)).abs().amax(-1)
    both = seen.weight.flip(1) > 0.1
    odd = both & (away > away.flip(1))  # of two unlike sides the one less like skin
    away = away + odd * (differs / _ODD - 1).clamp(0, 3)
    away = away + zones.rim * (_STRICT * away + _ruggedness(brightness) / _RUGGED)
    own = ((_OUT - away) / (_OUT - _SURE)).clamp(0, 1)
    beard = zones.beard * (brightness < 0) * (1 - torch.where(both, differs / _ALIKE, zones.rim)).clamp(0, 1)
    kept = torch.maximum(own, torch.maximum(beard, zones.features) * seen.inner)
    return _tidied(kept, away < _ALIEN)


def _even(values: Tensor) -> Tensor:
    """(U, V, 3) means of the 5 x 5 texels around."""
    return F.avg_pool2d(values.movedim(-1, 0)[None], 5, 1, 2, count_include_pad=False)[0].movedim(0, -1)


def _ruggedness(brightness: Tensor) -> Tensor:
    """(U, V) standard deviation in the 5 x 5 texels around: strands of hair have one, skin has little."""
    planes = torch.stack([brightness, brightness.square()])[None]
    mean, square = F.avg_pool2d(planes, 5, 1, 2, count_include_pad=False)[0]
    return (square - mean.square()).clamp(min=0).sqrt()


def _tidied(kept: Tensor, familiar: Tensor) -> Tensor:
    """Without specks: neither small dark spots (moles, wrinkles) nor lonely texels of skin color inside hair."""
    side = max(kept.shape[-1] // 64, 1)
    kept = torch.maximum(kept, _smallest(_largest(kept, side), side) * familiar)
    return _largest(_smallest(kept, 2 * side), side)


def _largest(values: Tensor, reach: int) -> Tensor:
    return F.max_pool2d(values[None], 2 * reach + 1, 1, reach)[0]


def _smallest(values: Tensor, reach: int) -> Tensor:
    return -_largest(-values, reach)


def _terms(normals: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(normals[..., :1]), normals], -1)


def _parts(residual: Tensor) -> tuple[Tensor, Tensor]:
    """Difference of logarithms (..., 3) as brightness and as the size of the rest."""
    brightness = residual.mean(-1)
    return brightness, (residual - brightness[..., None]).norm(dim=-1)
