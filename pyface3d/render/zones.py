"""Zones of a face, from its 68 landmarks: where features stand, where bare skin is expected, where beards grow."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pyface3d.render.sight import smooth

# lines of landmarks (iBUG order) and their reach, in distances between the eyes
_Lines = tuple[tuple[tuple[int, ...], float], ...]
_LINES: _Lines = (
    ((18, 19, 20, 21), 0.14),
    ((17, 18), 0.09),
    ((22, 23, 24, 25), 0.14),
    ((25, 26), 0.09),
    ((36, 37, 38, 39, 40, 41, 36, 39), 0.14),
    ((42, 43, 44, 45, 46, 47, 42, 45), 0.14),
    ((31, 32, 33, 34, 35), 0.12),
    ((48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 48, 54), 0.14),
)
_LIPS: _Lines = (((48, 60, 61, 62, 63, 64, 54), 0.05), ((48, 49, 50, 51, 52, 53, 54), 0.05),
                 ((64, 65, 66, 67, 60), 0.05), ((54, 55, 56, 57, 58, 59, 48), 0.05))  # fmt: skip
_STEPS = 4  # points on each piece of a line
_FADE = 1.6  # reaches at which a feature's zone ends
_SKIN_REACH = 1.45  # from the tip of the nose
_RIM = 0.4  # over which the face's edge fades into hair and neck
_HAIRLINE = 0.15  # above the brows, where hair may begin


class Zones(NamedTuple):
    """(U, V) weights in [0, 1] of the texels."""

    features: Tensor  # brows, eyes, nostrils, lips: as the photo shows them, whatever their color
    lips: Tensor
    bare: Tensor  # skin, most likely
    beard: Tensor  # skin or beard
    rim: Tensor  # hair, neck and clothes as likely as skin


def zones_of(points: Tensor, landmarks: Tensor) -> Zones:
    """Zones of surface points (U, V, 3), of the landmarks (68, 3) in the same frame."""
    right, left = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    apart = (left - right).norm().clamp(min=1e-6)
    features = _near(points, landmarks, apart, _LINES)
    lips = _near(points, landmarks, apart, _LIPS)
    brows, mouth = landmarks[17:27].mean(0), landmarks[48:60].mean(0)
    up = (brows - mouth) / (brows - mouth).norm().clamp(min=1e-6)
    height = ((points - landmarks[33]) @ up) / apart  # of the base of the nose
    reach = (points - landmarks[30]).norm(dim=-1) / apart
    top = (brows - landmarks[33]) @ up / apart + _HAIRLINE
    bottom = (landmarks[8] - landmarks[33]) @ up / apart - 0.25
    bare = (reach < _SKIN_REACH) & (height < top) & (height > bottom) & (features == 0)
    beard = ((0.15 - height) / 0.15).clamp(0, 1) * ((height - bottom) / 0.1).clamp(0, 1)
    beyond = torch.maximum(reach - _SKIN_REACH, torch.maximum(height - top, bottom - height))
    return Zones(features, lips, bare.float(), smooth(beard) * (reach < 1.6), smooth((beyond / _RIM + 0.5).clamp(0, 1)))


def _near(points: Tensor, landmarks: Tensor, apart: Tensor, lines: _Lines) -> Tensor:
    """(U, V) nearness of lines, from every second texel of every second row."""
    coarse = points[::2, ::2]
    zone = torch.zeros_like(coarse[..., 0])
    for line, reach in lines:
        nearest = torch.cdist(coarse.flatten(0, 1), _along(landmarks[list(line)])).amin(1).view_as(zone)
        inner = (_FADE - nearest / (reach * apart)) / (_FADE - 1)
        zone = torch.maximum(zone, smooth(inner.clamp(0, 1)))
    size = (points.shape[0], points.shape[1])
    return F.interpolate(zone[None, None], size, mode="bilinear", align_corners=True)[0, 0]


def _along(points: Tensor) -> Tensor:
    """Points (P, 3) along the polyline of points (L, 3)."""
    steps = torch.arange(_STEPS, device=points.device, dtype=points.dtype)[:, None] / _STEPS
    pieces = points[:-1, None] + steps * (points[1:] - points[:-1])[:, None]
    return torch.cat([pieces.flatten(0, 1), points[-1:]])
