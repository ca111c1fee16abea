"""Poses, expressions and cameras of synthetic portraits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyface3d.camera import roi_from_landmarks
from pyface3d.data.synthetic.draws import Draws
from pyface3d.morphable import MorphableModel

FAR = 1e6  # eye distances: a camera without perspective


def coefficients(draws: Draws, model: MorphableModel) -> Tensor:
    """(B, K): normal identities and sparse mixtures of the named blendshapes (normal ones where there are no names)."""
    identity = draws.normal(1.0, model.n_identity).clamp(-3, 3) * model.identity_std
    if model.blendshapes is None:
        return torch.cat([identity, draws.normal(1.0, model.n_expression) * model.expression_std], 1)
    weights = _blendshapes(draws, model.blendshapes.names).double()  # so that no order of summation shows in float32
    return torch.cat([identity, model.expression_from_blendshapes(weights).float()], 1)


def _blendshapes(draws: Draws, names: list[str]) -> Tensor:
    """(B, M) weights in [0, 1]: a few muscles at a time, both sides mostly alike, mouths often open."""
    m = len(names)
    activity = draws.uniform(0.0, 0.25)[:, None]  # some faces rest, some act
    active, weight = draws.chance(activity, m), _three_halves(draws.uniform(0, 1, m))
    position = {name: k for k, name in enumerate(names)}
    twins = [position.get(name[:-2] + "_L", k) if name.endswith("_R") else k for k, name in enumerate(names)]
    alike = draws.chance(0.85)[:, None]
    weights = torch.where(alike, (active * weight)[:, twins], active * weight)
    opened = draws.chance(0.3) * _three_halves(draws.uniform(0, 0.9))
    smile = draws.chance(0.3) * draws.uniform(0.2, 1.0)
    for name, extra in (("jawOpen", opened), ("mouthSmile_L", smile), ("mouthSmile_R", smile)):
        if name in position:
            column = weights[:, position[name]]
            weights[:, position[name]] = torch.maximum(column, extra)
    return weights


def _three_halves(x: Tensor) -> Tensor:
    """Power 1.5 by operations whose bits do not depend on the place in the batch, as those of ``pow`` do."""
    return x * x.sqrt()


def rotation(draws: Draws) -> Tensor:
    """(B, 3, 3) head rotations: yaw to +-90 degrees, natural pitch and roll, and a tilt of the camera."""
    wide = draws.chance(0.5)
    yaw = torch.where(wide, draws.uniform(-90, 90), draws.normal(25.0)).clamp(-90, 90)
    pitch = torch.where(draws.chance(0.8), draws.normal(11.0) - 2, draws.uniform(-40, 40)).clamp(-50, 50)
    roll = torch.where(draws.chance(0.8), draws.normal(9.0), draws.uniform(-40, 40)).clamp(-60, 60)
    head = turn(pitch.deg2rad(), 0) @ turn(yaw.deg2rad(), 1)  # nod after turning, as a neck does
    return turn(roll.deg2rad(), 2) @ head


def turn(angle: Tensor, axis: int) -> Tensor:
    """(B, 3, 3) right-handed rotations by angle (B,) about x, y or z."""
    cos, sin = angle.cos(), angle.sin()
    matrix = torch.zeros(len(angle), 3, 3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1
    matrix[:, a, a] = matrix[:, b, b] = cos
    matrix[:, a, b], matrix[:, b, a] = -sin, sin
    return matrix


@dataclass
class View:
    """A camera and the crop it is framed by.

    Attributes:
        rotation: (B, 3, 3) from the model frame to the camera's: x right, y up, z to the camera.
        distance: (B,) of the camera from the middle of the eyes, in eye distances.
        corner: (B, 2) left upper corner of the crop in the picture plane (y down), in eye distances.
        zoom: (B,) crop pixels in an eye distance.
    """

    rotation: Tensor
    distance: Tensor
    corner: Tensor
    zoom: Tensor

    @classmethod
    def draw(cls, draws: Draws, landmarks: Tensor, size: int, jitter: float) -> "View":
        """Views of faces with landmarks (B, 68, 3), in eye distances: 3DDFA's landmark box, jittered."""
        distance = torch.where(draws.chance(0.33), FAR, draws.log_uniform(4.5, 40.0))  # a third without perspective
        view = cls(rotation(draws), distance, torch.zeros(draws.batch, 2), torch.ones(draws.batch))
        roi = roi_from_landmarks(view.see(landmarks @ view.rotation.mT)[..., :2])  # (B, 4)
        side = roi[:, 2] - roi[:, 0]
        center = (roi[:, :2] + roi[:, 2:]) / 2 + draws.normal(jitter, 2) * side[:, None]
        side = side * draws.normal(1.5 * jitter).exp()
        return cls(view.rotation, distance, center - side[:, None] / 2, size / side)

    def see(self, posed: Tensor) -> Tensor:
        """Crop pixels (B, N, 3), y down and z towards the camera, of points (B, N, 3) turned by ``rotation``.

        z is linear along straight lines of the picture, so depths can be interpolated in it.
        """
        distance, zoom = self.distance[:, None], self.zoom[:, None]
        x, y, z = posed.unbind(2)
        larger = distance / (distance - z)
        x, y, z = x * larger - self.corner[:, :1], y * -larger - self.corner[:, 1:], z * larger
        return torch.stack([x * zoom, y * zoom, z * zoom], 1).mT


def weak_perspective(points: Tensor, seen: Tensor, rotations: Tensor) -> Tensor:
    """Poses (B, 3, 4) = [f R | t] that carry points (B, L, 3) nearest to seen ones (B, L, 2), given R; t_z is 0."""
    posed = (points @ rotations.mT)[..., :2]  # (B, L, 2)
    center, goal = posed.mean(1, keepdim=True), seen.mean(1, keepdim=True)
    scale = ((posed - center) * (seen - goal)).sum((1, 2)) / ((posed - center) ** 2).sum((1, 2))  # (B,)
    shift = (goal - scale[:, None, None] * center)[:, 0]  # (B, 2)
    translation = torch.cat([shift, torch.zeros_like(shift[:, :1])], 1)
    return torch.cat([scale[:, None, None] * rotations, translation[..., None]], 2)
