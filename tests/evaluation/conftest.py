from dataclasses import dataclass
from typing import Any

import pytest
import torch

from pyface3d import MorphableModel
from pyface3d.camera import angles_to_rotation, compose_pose, flip_y


@dataclass(frozen=True)
class Faces:
    """The least that protocols ask of a reconstruction."""

    model: Any
    size: int
    flip: str
    coeffs: torch.Tensor
    crop_pose: torch.Tensor
    params: torch.Tensor | None = None
    position_map: torch.Tensor | None = None
    atlas: Any = None
    roi: torch.Tensor | None = None
    attributes: torch.Tensor | None = None

    @property
    def pose(self):
        return self.crop_pose

    @property
    def vertices(self):
        return self._seen(self.model.synthesize(self.coeffs, self.crop_pose))

    @property
    def landmarks(self):
        return self._seen(self.model.landmarks68(self.coeffs, self.crop_pose))

    @property
    def triangles(self):
        return self.model.triangles

    def _seen(self, points):
        return flip_y(points, self.size, self.flip)


class Oracle:
    """Answers with given faces, in the order in which it is asked; ``shift`` moves them to the right by pixels."""

    name = "oracle"

    def __init__(self, model, coeffs, pose, size=120, flip="face3d", shift=0.0, attributes=None):
        self.model, self.coeffs, self.pose_, self.size, self.flip = model, coeffs, pose, size, flip
        self.shift, self.attributes, self.asked = shift, attributes, 0

    def predict(self, images):
        assert images.dtype == torch.uint8 and images.shape[1:] == (3, self.size, self.size)
        part = slice(self.asked, self.asked + len(images))
        self.asked += len(images)
        attributes = None if self.attributes is None else self.attributes[part]
        pose = self.pose_[part] + torch.tensor([[0, 0, 0, self.shift], [0, 0, 0, 0], [0, 0, 0, 0]])
        return Faces(self.model, self.size, self.flip, self.coeffs[part], pose, attributes=attributes)


@pytest.fixture(scope="session")
def face_model():
    return MorphableModel.default()


@pytest.fixture
def portraits(face_model):
    """Coefficients, poses and samples of six faces in 120 crops; yaws fall into all three bins."""
    generator = torch.Generator().manual_seed(0)
    yaw = torch.tensor([5.0, -20.0, 45.0, -50.0, 70.0, -80.0])
    angles = torch.stack([torch.zeros(6), torch.deg2rad(yaw), torch.zeros(6)], 1)
    coeffs = face_model.sample(6, generator)
    pose = compose_pose(torch.full((6,), 4.5), angles_to_rotation(angles), torch.tensor([60.0, 60.0, 0.0]).expand(6, 3))
    landmarks = flip_y(face_model.landmarks68(coeffs, pose), 120, "face3d")
    samples = [
        {
            "image": torch.full((3, 120, 120), i, dtype=torch.uint8),
            "params": torch.cat([pose[i].flatten(), coeffs[i]]),
            "landmarks": landmarks[i],
            "visible": torch.ones(68, dtype=torch.bool),
            "box": torch.tensor([100.0, 50.0, 340.0, 290.0]),
            "yaw": yaw[i],
            "name": f"face {i}",
            "number": i,
        }
        for i in range(6)
    ]
    return coeffs, pose, samples


@pytest.fixture(scope="session")
def oracle_type():
    return Oracle


@pytest.fixture
def oracle(face_model, portraits):
    """Makes oracles that know the six portraits."""

    def make(**options):
        return Oracle(face_model, portraits[0], portraits[1], **options)

    return make
