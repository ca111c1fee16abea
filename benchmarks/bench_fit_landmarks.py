"""Target: at least 500 faces a second for 68 points and 50 coefficients on 2 threads."""

import pytest
import torch

from pyface3d import MorphableModel, fit_landmarks
from pyface3d.camera import angles_to_rotation, compose_pose, flip_y

FACES = 512


@pytest.fixture(scope="module")
def model():
    return MorphableModel.default()


@pytest.fixture(scope="module")
def points(model):
    generator = torch.Generator().manual_seed(0)
    angles = (torch.rand(FACES, 3, generator=generator) - 0.5) * torch.tensor([0.8, 2.4, 0.8])
    pose = compose_pose(torch.full((FACES,), 5.0), angles_to_rotation(angles), torch.full((FACES, 3), 60.0))
    return flip_y(model.landmarks68(model.sample(FACES, generator), pose), 120)[..., :2]


@pytest.mark.parametrize("case", ["all visible", "80 % visible", "contour"])
def bench_fit_landmarks(bench, model, points, case):
    visible = torch.rand(FACES, 68) < (0.8 if case == "80 % visible" else 2)

    def fit():
        return fit_landmarks(points, model, visible=visible, contour=case == "contour")

    bench.compare(f"fit_landmarks {case}, {FACES} faces", {"pyface3d": fit})
    bench.note(f"fit_landmarks {case}", faces_per_second=FACES / bench.median, error_px=fit().error.mean().item())
