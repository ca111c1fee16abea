"""The parameter space of the synthetic portraits: whitening measured on their labels."""

import json
from importlib import resources

import torch

from pyface3d.camera import ParameterSpace
from pyface3d.data.synthetic.faces import SyntheticFaces
from pyface3d.morphable import MorphableModel

MEASURED = 20_000  # labels that space.json was measured on


def parameter_space() -> ParameterSpace:
    """The whitening of our own weights: 62 parameters of the default model in 120x120 crops.

    Example:
        >>> parameter_space().n_params
        62
    """
    stored = resources.files("pyface3d.data.synthetic").joinpath("space.json").read_text()
    return ParameterSpace.from_dict(json.loads(stored))


def prior_space(model: MorphableModel, size: int = 120, flip: str = "face3d") -> ParameterSpace:
    """Layout and crop of a model's parameters, with the prior of its coefficients in mean and std.

    Args:
        model: the embedded face has the prior measured on portraits; another one its own deviations.
        size: side of the crop in pixels.
        flip: see :class:`pyface3d.camera.ParameterSpace`.

    Example:
        >>> prior_space(MorphableModel.default()).std[12:14]
        tensor([0.9959, 0.9903])
    """
    if model.hash() in {MorphableModel.default(parts).hash() for parts in ("face", "head")}:
        known = parameter_space()
        mean, std = known.mean, known.std
    else:
        mean, std = None, torch.cat([torch.ones(12), model.std.float().cpu()])
    return ParameterSpace.of_model(model, mean, std, size=size, flip=flip)


def measure_space(faces: SyntheticFaces, count: int = MEASURED) -> ParameterSpace:
    """The mean and standard deviation of the parameters of the first ``count`` portraits.

    t_z is zero in every label and gets a standard deviation of one.
    """
    params = faces.labels(range(count))["params"].double()
    std = params.std(0)
    positive = std.where(std > 0, std.new_ones(())).float()
    return ParameterSpace.of_model(faces.model, params.mean(0).float(), positive, size=faces.size)
