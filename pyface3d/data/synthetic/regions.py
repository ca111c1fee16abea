"""Where brows, lips, beard and hair are on a face model: distances in a cylindrical chart of its mean face."""

import math

import torch
from torch import Tensor

from pyface3d.morphable import MorphableModel

BROWS, NOSE, EYES, LIPS = (range(17, 22), range(22, 27)), 30, (range(36, 42), range(42, 48)), range(48, 60)
SKIN_PARTS = ("face", "head_and_neck")


class Regions:
    """Fields over the vertices of the mean face, all lengths in units of the distance of the outer eye corners.

    The chart unrolls a cylinder about the vertical axis: u = radius * azimuth, v = height above the eyes. It needs only
    the 68 landmarks, so any face model can be painted.

    Attributes:
        chart: (N, 2) u to the subject's left, v up.
        brow: (N,) distance to the nearer brow line;  brow_line: (N,) position along it, 0 at the nose to 1.
        lips: (N,) signed distance to the outline of the mouth, negative inside.
        eyes: (N,) signed distance to the outline of the nearer eye.
        beard: (N,) 1 where hair grows on the cheeks and chin;  moustache: (N,) the same above the mouth.
        cheeks: (N,) 1 where a face blushes;  nose: (N,) 1 at the tip of the nose;  ears: (N,) 1 at the ears.
        points: (N, 3) mean face in eye distances about the eye center;  azimuth: (N,) radians, 0 in front.
        skin: (N,) bool;  part: masks (N,) bool of what is not skin, by name.
        eye_distance, eye_center: scale and origin of the unit in the model frame.
    """

    def __init__(self, model: MorphableModel):
        if model.landmarks is None:
            raise ValueError(f"SyntheticFaces: model must have 68 landmarks to be painted, {model.name} has none")
        mean, marks = model.mean.float(), model.landmarks
        self.eye_center = (mean[marks[36]] + mean[marks[45]]) / 2
        self.eye_distance = float((mean[marks[36]] - mean[marks[45]]).norm())
        points = (mean - self.eye_center) / self.eye_distance  # (N, 3)
        axis_depth = -0.9  # the axis runs through the middle of the head
        self.azimuth = torch.atan2(points[:, 0], points[:, 2] - axis_depth)
        self.points = points
        self.chart = torch.stack([self.azimuth * -axis_depth, points[:, 1]], 1)
        at = self.chart[marks]  # (68, 2)
        self._parts(model)
        self._brows(at)
        self.lips = _signed_distance(self.chart, at[list(LIPS)])
        self.eyes = torch.stack([_signed_distance(self.chart, at[list(eye)]) for eye in EYES]).amin(0)
        self._hairy(at)
        cheek = torch.stack([(at[k] + at[m]) / 2 for k, m in ((41, 48), (46, 54))])
        self.cheeks = _bump((self.chart[:, None] - cheek * torch.tensor([1.15, 1.0])).norm(dim=2).amin(1), 0.2)
        self.nose = _bump((self.chart - at[NOSE]).norm(dim=1), 0.1)

    def _parts(self, model: MorphableModel) -> None:
        n = model.n_vertices
        self.part: dict[str, Tensor] = {}
        for name, ids in model.parts.items():
            if name not in SKIN_PARTS:
                self.part[name] = torch.zeros(n, dtype=torch.bool).index_fill_(0, ids.to(self.points.device), True)
        self.skin = ~torch.stack([torch.zeros(n, dtype=torch.bool), *self.part.values()]).any(0)
        upper = self.points[self.skin & (self.points[:, 1] > 0.55), 0].abs()
        half_width = float(upper.max()) if len(upper) else math.inf
        beside = (self.points[:, 0].abs() > 1.02 * half_width) & (self.points[:, 1] > -0.6)
        self.ears = (beside & self.skin).float()

    def gaze_angle(self, part: str) -> Tensor:
        """(n,) angle in radians between each vertex of an eyeball and straight ahead, seen from its center."""
        points = self.points[self.part[part]]
        rays = points - points.mean(0)
        return torch.acos((rays[:, 2] / rays.norm(dim=1).clamp_min(1e-6)).clamp(-1, 1))

    def extremes(self) -> tuple[int, int, int]:
        """Vertices of the mean head that are farthest to the side (above the ears), up and back."""
        points = torch.where(self.skin[:, None], self.points, torch.zeros(()))
        wide = torch.where((points[:, 1] > 0.3) & (points[:, 1] < 0.9), points[:, 0], torch.zeros(()))
        back = torch.where(points[:, 1] > -0.5, -points[:, 2], torch.zeros(()))
        return int(wide.argmax()), int(points[:, 1].argmax()), int(back.argmax())

    def _brows(self, at: Tensor) -> None:
        distances, positions = [], []
        for line, inner_first in zip(BROWS, (False, True)):
            distance, position = _polyline(self.chart, at[list(line)] + torch.tensor([0.0, 0.01]))
            distances.append(distance)
            positions.append(position if inner_first else 1 - position)
        distances_, positions_ = torch.stack(distances), torch.stack(positions)
        self.brow, nearer = distances_.min(0)
        self.brow_line = positions_.gather(0, nearer[None])[0]

    def _hairy(self, at: Tensor) -> None:
        u, v = self.chart.abs()[:, 0], self.chart[:, 1]
        nose_base, mouth, chin = at[33, 1], at[[48, 54], 1].mean(), at[8, 1]
        mouth_half = (at[54, 0] - at[48, 0]) / 2
        upper = mouth + (u - 1.1 * mouth_half).clamp_min(0) * 0.75  # from the corners of the mouth up to the ears
        below = _step((upper - v) / 0.12) * _step((v - chin + 0.3) / 0.3)
        outside_lips = _step(self.lips / 0.03)
        front = _step((1.45 - u) / 0.15)
        self.beard = below * outside_lips * front * _step((mouth + 0.05 - v) / 0.05 + (u - mouth_half) / 0.1)
        between = _step((nose_base - 0.01 - v) / 0.05) * _step((v - mouth) / 0.05)
        self.moustache = between * _step((1.25 * mouth_half - u) / 0.1) * outside_lips


def _step(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1, smooth between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def _bump(distance: Tensor, width: float) -> Tensor:
    return torch.exp(-((distance / width) ** 2))


def _polyline(points: Tensor, line: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of points (N, 2) to a polyline (P, 2) and the position of the foot along it in [0, 1]."""
    start, edge = line[:-1], line[1:] - line[:-1]  # (P - 1, 2)
    along = ((points[:, None] - start) * edge).sum(2) / (edge * edge).sum(1)  # (N, P - 1)
    along = along.clamp(0, 1)
    distance, nearest = (points[:, None] - start - along[..., None] * edge).norm(dim=2).min(1)
    return distance, (nearest + along.gather(1, nearest[:, None])[:, 0]) / len(edge)


def _signed_distance(points: Tensor, polygon: Tensor) -> Tensor:
    """Distance of points (N, 2) to the outline of a polygon (P, 2), negative inside."""
    distance, _ = _polyline(points, torch.cat([polygon, polygon[:1]]))
    start, end = polygon, polygon.roll(-1, 0)
    crosses = (start[:, 1] > points[:, 1:]) != (end[:, 1] > points[:, 1:])  # (N, P)
    slope = (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1]).where(end[:, 1] != start[:, 1], torch.ones(()))
    inside = (crosses & (points[:, :1] < start[:, 0] + slope * (points[:, 1:] - start[:, 1]))).sum(1) % 2 == 1
    return torch.where(inside, -distance, distance)
