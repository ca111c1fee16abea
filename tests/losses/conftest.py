import numpy as np
import pytest
import torch

from pyface3d import MorphableModel, ParameterSpace, load_model

CROP = 120


def space_of(model, scale):
    """Whitening like that of a set of faces seen from all sides, `scale` pixels per model unit."""
    mean = torch.tensor([scale, 0, 0, CROP / 2, 0, scale, 0, CROP / 2, 0, 0, scale, 0])
    std = torch.tensor([0.3, 0.2, 0.5, 0, 0.2, 0.1, 0.2, 0, 0.5, 0.2, 0.3, 0]) * scale
    std[3::4] = torch.tensor([10.0, 8.0, 12.0])
    return ParameterSpace(
        torch.cat([mean, torch.zeros(model.n_coeffs)]), torch.cat([std, model.std.float()]),
        model.n_identity, model.n_expression, size=CROP,
    )  # fmt: skip


def default_model(data_folder):
    return MorphableModel.default(), 5.7


def ict_model(data_folder):
    return load_model(data_folder / "ict" / "ict_facekit.npz").truncated(40, 10), 5.7


def keypoint_model(data_folder):
    """3DDFA's basis of the 68 landmarks, in micrometers."""
    file = np.load(data_folder / "tddfa" / "keypoint_basis.npz")
    points = [torch.from_numpy(file[name]).float() for name in ("u", "w_shp", "w_exp", "param_std_v1")]
    model = MorphableModel(
        points[0].view(68, 3), points[1].view(68, 3, 40), points[2].view(68, 3, 10), torch.tensor([[0, 1, 2]]),
        identity_std=points[3][12:52], expression_std=points[3][52:], landmarks=torch.arange(68), unit="um", name="68",
    )  # fmt: skip
    return model, 5.7e-4


@pytest.fixture(scope="session", params=[default_model, ict_model, keypoint_model], ids=["default", "ict", "68 points"])
def model_and_space(request, data_folder):
    """Three models and a space of each, in float64."""
    model, scale = request.param(data_folder)
    return model.double(), space_of(model, scale).double()


@pytest.fixture(scope="session")
def default():
    """The default model and a space of it."""
    model = MorphableModel.default()
    return model, space_of(model, 5.7)


@pytest.fixture(scope="session")
def faces():
    """Draws whitened predictions, and un-whitened labels whose whitened error is `error` on average."""

    def draw(space, batch=4, error=1.0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(11)
        truth, noise = (torch.randn(batch, space.n_params, generator=generator, dtype=torch.float64) for _ in range(2))
        return (truth + error * noise).to(dtype).requires_grad_(), space.unwhiten(truth).to(dtype)

    return draw
