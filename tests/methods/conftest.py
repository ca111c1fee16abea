from collections.abc import Callable

import pytest
import torch
from torch import nn

from pyface3d import MorphableModel, create_method
from pyface3d.methods import Method

# every method at the smallest honest size
SMALL = {
    "compact": {},
    "marn": {"backbone": "mobilenet_v2"},
    "mobile_frnet": {},
    "tddfa": {"width": 0.5},
    "synergynet": {},
    "weight_mask": {"size": 64, "width": 8},
    "prnet": {"size": 64, "width": 8},
    "position_map_small": {"size": 64},
    "joint": {"size": 64, "width": 8},
}


@pytest.fixture(scope="session")
def face_model() -> MorphableModel:
    """The embedded face, loaded once."""
    return MorphableModel.default()


@pytest.fixture(scope="session")
def small_method(face_model) -> Callable[..., Method]:
    """Builds a method by name at a small size, with weights and BatchNorm statistics that are not trivial."""

    def build(name: str, **arguments) -> Method:
        torch.manual_seed(0)
        method = create_method(name, model=face_model, **{**SMALL[name], **arguments})
        norms = [m for m in method.network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.8, 1.2)
            nn.init.normal_(norm.bias, 0, 0.1)
            norm.momentum = 1.0  # the statistics of one batch, so that the signal keeps its size to the end
        with torch.no_grad():
            method.train()(torch.randn(8, 3, method.images.size, method.images.size))
        return method.eval()

    return build


@pytest.fixture
def pictures() -> Callable[..., torch.Tensor]:
    """Random pictures for a method, uint8."""

    def draw(method: Method, batch: int = 2) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        size = method.images.size
        return torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8, generator=generator)

    return draw
