"""Where a texture comes from: the photo, its mirrored half, neutral skin."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d.render.filling import feathered, fill_holes, spread
from pyface3d.render.sight import Texels
from pyface3d.render.skin import Skin, from_log, to_log
from pyface3d.render.zones import Zones

_FULL = 0.35  # of sight: as much makes a texel the photo's own
_DOUBT = 0.15  # of likeness: less is none
_ALONE, _MOSTLY = 0.999, 0.7  # of trust
_NEAR = 2  # levels: details are continued over gaps of about four texels
_UNPAINTED = 2.0  # texels of lips seen from which their tone is half believed
_SOME = 1e-4


def base_of(colors: Tensor, texels: Texels, skin: Skin, trust: Tensor, zones: Zones | None = None) -> Tensor:
    """Skin without details (U, V, 3), in logarithms: neutral skin, in the tone that the photo shows nearby.

    Args:
        colors: (U, V, 3) logarithms of the photo.
        texels: their surface points.
        skin: the model of the skin.
        trust: (U, V) how much the photo counts.
        zones: of the texels: features say nothing about the tone of skin around them, and lips have one of their own.
    """
    neutral = _between_charts(skin.color(texels.normals), texels.covered)
    off = (colors - neutral).clamp(-0.7, 0.7)
    known = trust.square() * (1 if zones is None else 1 - zones.features)  # a little doubt says little about tone
    base = neutral + spread(off.movedim(-1, 0), _blurred(known), doubt=0.15).movedim(0, -1)
    if zones is None:
        return base
    painted = (zones.lips * trust)[..., None]
    tone = ((colors - base) * painted).sum((0, 1)) / (painted.sum() + _UNPAINTED)
    return base + zones.lips[..., None] * tone


def composed(photo: Tensor, base: Tensor, trust: Tensor, mirror: bool) -> Tensor:
    """The texture (S, S, 3) of 0 to 255.

    Details are what the photo shows beyond the base. Those of the own side and of the mirrored one are blended by
    their trust, continued over small gaps, and fade to none where there is neither; the base carries the light, so
    that a mirrored detail is lit as the side it goes to.

    Args:
        photo: (S, S, 3) the photo's colors of 0 to 255.
        base: (U, V, 3) logarithms, coarser or as fine.
        trust: (U, V) how much the photo counts.
        mirror: whether the other half of the face may stand in.
    """
    size = photo.shape[0]
    fine, weight = _resized(base, size), _resized(trust[..., None], size)[..., 0]
    details = to_log(photo) - fine
    own = weight
    other = own.flip(1) * (1 - own) if mirror else torch.zeros_like(own)
    share = own + other
    mixed = (details * own[..., None] + details.flip(1) * other[..., None]) / share.clamp(min=_SOME)[..., None]
    around = _continued(mixed, share.square(), base.shape[0])
    mixed = around + (mixed - around) * share[..., None]
    result = from_log(fine + mixed)
    return torch.where((own >= _ALONE)[..., None], photo, result)


def photographed(trust: Tensor, size: int) -> Tensor:
    """(size, size) bool: texels of ``composed`` that are the photo's, but for little at the rim."""
    return _resized(trust[..., None], size)[..., 0] >= _MOSTLY


def trust_of(sight: Tensor, likeness: Tensor | None) -> Tensor:
    """How much the photo counts at each texel (U, V): where it sees the surface and that is the face."""
    seen = (sight / _FULL).clamp(max=1)
    if likeness is None:
        return seen
    sure = ((likeness - _DOUBT) / (1 - 2 * _DOUBT)).clamp(0, 1)
    return seen * feathered(sure, max(sight.shape[-1] // 48, 1))


def _between_charts(colors: Tensor, covered: Tensor) -> Tensor:
    """Colors (U, V, 3) continued to texels without a surface, so that none shows at the rim of a chart."""
    known = covered.float()[None, None]
    return fill_holes(colors.movedim(-1, 0)[None] * known, known)[0].movedim(0, -1)


def _continued(details: Tensor, share: Tensor, size: int) -> Tensor:
    """Details (S, S, 3) continued a little beyond where they are known."""
    planes = (details * share[..., None]).movedim(-1, 0)[None]
    area = F.interpolate(torch.cat([planes, share[None, None]], 1), (size, size), mode="area")[0]
    values = area[:3] / area[3:].clamp(min=_SOME)
    return _resized(spread(values, area[3], doubt=0.1, levels=_NEAR).movedim(0, -1), details.shape[0])


def _blurred(weight: Tensor) -> Tensor:
    return F.avg_pool2d(weight[None, None], 3, 1, 1, count_include_pad=False)[0, 0] * (weight > 0)


def _resized(values: Tensor, size: int) -> Tensor:
    """(U, V, C) -> (size, size, C), bilinear between texel centers at the corners, as layouts have them."""
    if values.shape[0] == size:
        return values
    planes = values.movedim(-1, 0)[None]
    return F.interpolate(planes, (size, size), mode="bilinear", align_corners=True)[0].movedim(0, -1)
